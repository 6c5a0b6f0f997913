"""The Slurm scripts: their command lines are run, with a stand-in for srun."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

from support import CASES, ROOT

SCRIPTS = sorted((ROOT / "cluster").glob("*.sh"))
SWEEP = f"""
[base]
case = "{CASES / "cylinder_iv.toml"}"
set = {{ "geometry.dimension" = "1d" }}
[axes]
"geometry.radius" = ["80 nm", "90 nm", "100 nm"]
"boundaries.top.current.value" = ["10 pA", "20 pA", "30 pA", "40 pA", "50 pA"]
"""


def directives(script: Path) -> dict[str, str]:
    return dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), flags=re.M))


@pytest.fixture
def slurm(tmp_path, mpiexec):
    """Runs a script as a task of Slurm would; srun starts as many ranks as its environment says."""
    (tmp_path / "bin").mkdir()
    srun = tmp_path / "bin" / "srun"
    srun.write_text(
        '#!/bin/bash\nwhile [[ $1 == --* ]]; do echo "$1" >>"$SRUN_OPTIONS"; shift; done\n'
        f'exec "{mpiexec}" -n "$SLURM_NTASKS" "$@"\n'
    )
    srun.chmod(0o755)
    (tmp_path / "sweep.toml").write_text(SWEEP)

    def start(script: Path, **environment: str) -> subprocess.Popen:
        path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SLURM_")},
            "PATH": path,
            "SLURM_NTASKS": "2",
            "SRUN_OPTIONS": str(tmp_path / "options"),
            **environment,
        }
        command = ["bash", str(script), "sweep.toml", "results"]
        return subprocess.Popen(
            command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_the_scripts_ask_for_what_they_use(script):
    asked = directives(script)
    assert {"job-name", "cpus-per-task", "mem-per-cpu", "time", "output"} <= set(asked)
    assert asked["cpus-per-task"] == "1"
    assert asked["signal"].startswith("TERM@")  # to the steps, whose ranks end in order
    subprocess.run(["bash", "-n", script], check=True)
    missing = subprocess.run(["bash", script], capture_output=True, text=True)
    assert missing.returncode != 0
    assert "the sweep file" in missing.stderr


def test_one_job_runs_the_sweep_and_again_solves_nothing(slurm, tmp_path):
    script = ROOT / "cluster" / "slurm-one-job.sh"
    process = slurm(script)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "15 cases: 15 ok, 0 failed; 15 solved now (2 groups" in out
    assert (tmp_path / "options").read_text().split() == ["--mpi=pmi2", "--cpu-bind=cores"]
    again = slurm(script)
    assert "0 solved now, 15 held before" in again.communicate(timeout=120)[0]


def test_tasks_of_an_array_share_the_cases(slurm, tmp_path):
    script = ROOT / "cluster" / "slurm-array.sh"
    tasks = [slurm(script, SLURM_ARRAY_TASK_ID=str(n), SLURM_NTASKS="1") for n in (1, 2)]
    told = [task.communicate(timeout=120) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    solved = [int(re.search(r"(\d+) solved now", out)[1]) for out, _ in told]
    assert sum(solved) == 15
    table = pandas.read_csv(tmp_path / "results" / "observables.csv")
    assert list(table["case"]) == list(range(1, 16))
    assert (table["status"] == "ok").all()
