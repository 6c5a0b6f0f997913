"""What README and docs say is what the program does."""

import re
import shlex
import tomllib

import pytest

from spinepnp.batch.sweep import Sweep, load_sweep
from spinepnp.case.case import Case, load_case
from spinepnp.meshes import generate
from spinepnp.solvers import SteadyProblem
from spinepnp.validation.laws.catalogue import LAWS
from support import ROOT

README = (ROOT / "README.md").read_text()


def test_the_commands_of_the_readme_name_files_that_exist():
    commands = re.findall(r"^    (\./spine .*)$", README, flags=re.M)
    assert "./spine test" in commands
    named = [(command, word) for command in commands for word in shlex.split(command) if word.endswith(".toml")]
    assert len(named) >= 5
    for command, case in named:
        if " batch " in command:
            assert len(load_sweep(ROOT / case).jobs) == 60  # as the text says
        else:
            load_case(ROOT / case).points()


def test_the_case_of_the_readme_is_part_of_the_first_case():
    excerpt = tomllib.loads(re.search(r"```toml\n(.*?)```", README, flags=re.S)[1])
    whole = tomllib.loads((ROOT / "cases" / "cylinder_iv.toml").read_text())
    for table, content in excerpt.items():
        assert whole[table] == content


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_table_of_the_readme_is_what_a_run_computes(comm):
    """The voltages printed in README, recomputed."""
    rows = re.findall(
        r"^│ +(\d+) │ +([\d.]+) │ +\S+ │ +([\d.]+) │ +\S+ │ +([\d.]+) │ +\S+ │ +([\d.]+) │ +([\d.]+) │ ok",
        README,
        flags=re.M,
    )
    points = load_case(ROOT / "cases" / "cylinder_iv.toml").points()
    assert len(rows) == len(points) == 4
    problem = None
    for (current, computed, full, law, resistance, slope), case in zip(rows, points, strict=True):
        if problem is None:
            mesh = generate(case.geometry, case.mesh, comm)
            problem = SteadyProblem(mesh, case.electrolyte, case.boundaries)
        solution = problem.solve(case.electrolyte, case.boundaries)
        answer = LAWS["cylinder"](case.geometry, case.electrolyte, case.boundaries)
        assert f"{answer.current * 1e12:g}" == current
        assert float(computed) == pytest.approx(solution.boundary["top"].potential * 1e3, rel=7e-6)  # six digits
        assert float(full) == pytest.approx((answer.potential + answer.layer_drop) * 1e3, rel=6e-6)
        assert float(law) == pytest.approx(answer.potential * 1e3, rel=6e-6)
        assert float(resistance) == pytest.approx(answer.resistance * 1e-6, rel=6e-4)
        assert float(slope) == pytest.approx(solution.resistance["top"].slope * 1e-6, rel=6e-4)


def test_the_python_examples_run(capsys):
    steady, transient = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    exec(compile(steady, "README.md", "exec"), {})  # our own file
    assert float(capsys.readouterr().out) == pytest.approx(6.2e-3, rel=0.05)
    exec(compile(transient, "README.md", "exec"), {})
    voltages = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert max(voltages) == pytest.approx(6.2e-3, rel=0.05)


def test_the_page_on_python_runs_from_its_first_line_to_its_last(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), flags=re.S):
        exec(compile(block, "python.md", "exec"), names)  # our own file
    said = capsys.readouterr().out.splitlines()
    assert f"print(error)  # {said[0]}\n" in (ROOT / "docs" / "python.md").read_text()
    ions, of_solution = map(float, said[3].split())
    mean, potential = map(float, said[4].split())
    assert ions == pytest.approx(of_solution, rel=1e-9)
    assert mean == pytest.approx(potential, rel=1e-9)
    assert (tmp_path / "neck.vtu").stat().st_size > 1000
    assert names["solution"].boundary["top"].potential == pytest.approx(6.13e-3, rel=0.01)
    assert list(names["swept"].to_frame()["status"]) == ["ok"] * 4
    assert (
        names["steps"][-1].solution.boundary["top"].potential
        >= 5e-3
        > names["steps"][-2].solution.boundary["top"].potential
    )


def test_every_key_of_a_case_is_documented():
    page = (ROOT / "docs" / "keys.md").read_text()

    def keys(model):
        for name, field in model.model_fields.items():
            yield name
            for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if isinstance(inner, type) and hasattr(inner, "model_fields"):
                    yield from keys(inner)

    for key in set(keys(Case)) - {"title"}:
        assert f"`{key}`" in page, key


def test_every_key_of_a_sweep_is_documented():
    page = (ROOT / "docs" / "batch.md").read_text()
    for key in (*Sweep.model_fields, "base.case", "base.set"):
        assert f"`{key}`" in page or f"`{key}." in page, key


def test_the_sweep_of_the_docs_is_one(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "batch.md").read_text(), flags=re.S)[1]
    (tmp_path / "sweep.toml").write_text(text.replace('"cylinder_iv.toml"', f'"{ROOT / "cases" / "cylinder_iv.toml"}"'))
    assert len(load_sweep(tmp_path / "sweep.toml").jobs) == 9
