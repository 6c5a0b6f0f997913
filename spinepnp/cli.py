"""The command line: `spinepnp VERB ...`. Heavy imports happen inside the verbs, so that --help starts at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spinepnp import __version__

app = typer.Typer(
    name="spinepnp",
    help="Full 3D Poisson-Nernst-Planck in dendritic spines, validated against analytic laws.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

CaseFile = Annotated[Path, typer.Argument(metavar="CASE", help="Case file (TOML).")]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help='Change a key, for example geometry.radius="75 nm"; repeatable.'),
]
UnsetOption = Annotated[
    list[str] | None,
    typer.Option("--unset", metavar="KEY", help="Remove a key, for example boundaries.wall.mechanism; repeatable."),
]

#: Help of the first argument of `list`.
LIST_HELP = (
    "shapes, laws, formulas, waveforms, channels, mechanisms, kinetics, cases, sweeps, validation, models, figures, "
    "benchmarks; keys, results, schema; all but the last three by default."
)
#: Help of the second argument of `list`.
NAME_HELP = "A shape (list shapes cylinder), a table (list keys mesh), or a kind of file: case, sweep, validation."


def _version(value: bool) -> None:
    if value:
        print(f"spinepnp {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Full 3D Poisson-Nernst-Planck in dendritic spines, validated against analytic laws."""
    # --debug is read by `spinepnp.__main__` as well, which handles every error.


@app.command()
def run(
    case: CaseFile,
    output: Annotated[Path | None, typer.Option(help="Result directory; runs/STEM by default.")] = None,
    set_: OverrideOption = None,
    unset: UnsetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace results in the directory.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Solve only points that are missing there.")] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="Go on from a transient: longer duration, later times, added probes.")
    ] = False,
) -> int:
    """Solve one case: steady, a sweep over one key, or a transient.

    Options of PETSc are taken too: -snes_monitor, -log_view, ...; they and PETSC_OPTIONS may write files and run code,
    which those of a case file may not.
    """
    from spinepnp.errors import CaseError

    if force and (resume or extend):
        raise CaseError("--force", f"excludes {'--resume' if resume else '--extend'}; give one of them")
    from spinepnp.pages.background import background_pictures

    with background_pictures() as background:  # before the slow imports, so that it is ready in time
        from spinepnp.run.place import default_output
        from spinepnp.run.steady import run_case
        from spinepnp.run.summary import print_outcome
        from spinepnp.runtime.stack import MPI

        comm = MPI.COMM_WORLD
        directory = output if output is not None else default_output(case)
        points = run_case(
            case, comm, directory, overrides=tuple(set_ or ()), removals=tuple(unset or ()), force=force,
            resume=resume, extend=extend, background=background,
        )  # fmt: skip
    if comm.rank == 0:
        print_outcome(points, directory)
    return 1 if any(point.failure is not None for point in points) else 0


@app.command()
def batch(
    sweep: Annotated[Path, typer.Argument(metavar="SWEEP", help="Sweep file (TOML): a base case and axes.")],
    output: Annotated[Path | None, typer.Option(help="Directory of the batch; runs/STEM by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Start again instead of continuing.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished batch (default).")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Solve failed cases again.")] = False,
    retry_version: Annotated[
        bool, typer.Option("--retry-version", help="Solve again the cases of another version.")
    ] = False,
    ranks_per_case: Annotated[
        int | None, typer.Option(min=1, help="Ranks that solve a case together; by size and memory by default.")
    ] = None,
) -> int:
    """Solve many cases over groups of ranks; nothing is solved twice, also after a crash, also by several jobs."""
    from spinepnp.errors import CaseError

    if force and resume:
        raise CaseError("--force", "excludes --resume; give one of them")
    from spinepnp.batch.run import BatchOptions, run_batch
    from spinepnp.batch.summary import print_tally
    from spinepnp.run.place import default_output
    from spinepnp.runtime.stack import MPI

    comm = MPI.COMM_WORLD
    directory = output if output is not None else default_output(sweep)
    tally = run_batch(sweep, comm, directory, BatchOptions(force, retry_failed, retry_version, ranks_per_case))
    if comm.rank == 0:
        print_tally(tally, directory)
    return 1 if tally.failures else 0


@app.command()
def mesh(
    case: CaseFile,
    output: Annotated[Path | None, typer.Option(help="Directory; runs/STEM by default.")] = None,
    set_: OverrideOption = None,
    unset: UnsetOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a mesh in the directory.")] = False,
) -> int:
    """Mesh one case without solving: mesh.json (quality, areas, volume, exact values), mesh.vtu and a picture."""
    from spinepnp.commands.mesh import mesh_case
    from spinepnp.run.place import default_output
    from spinepnp.runtime.stack import MPI

    directory = output if output is not None else default_output(case)
    overrides, removals = tuple(set_ or ()), tuple(unset or ())
    mesh_case(case, MPI.COMM_WORLD, directory, overrides=overrides, removals=removals, force=force)
    return 0


@app.command()
def surface(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="STL, OBJ, PLY, OFF, VTK, VTU, MSH, morph-spines HDF5; with --all directories of these, too.",
        ),
    ],
    unit: Annotated[str | None, typer.Option(help="Unit of the coordinates: nm or um; guessed by default.")] = None,
    spine: Annotated[int | None, typer.Option(min=0, help="Number of the spine in a morph-spines file.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All spines of all files, with one table.")] = False,
    psd_area: Annotated[
        float | None,
        typer.Option(min=1e-6, help="Area of the synapse at the pole, um^2; else the file's label psd, or 0.05."),
    ] = None,
    psd_label: Annotated[
        str | None, typer.Option(help="Label of the synapse in the file: a physical name or array, or ARRAY=VALUE.")
    ] = None,
    base_point: Annotated[
        tuple[float, float, float] | None, typer.Option(help="Point of the plane that cuts the base, um.")
    ] = None,
    base_normal: Annotated[
        tuple[float, float, float] | None, typer.Option(help="Normal of that plane; the axis of the spine by default.")
    ] = None,
    drop_stray: Annotated[bool, typer.Option("--drop-stray", help="Leave out pieces apart from the largest.")] = False,
    output: Annotated[Path | None, typer.Option(help="Result directory; runs/STEM by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace results in the directory.")] = False,
) -> int:
    """Mend surfaces of spines, cut their bases flat, mark their synapses, and bound their conductance on both sides."""
    from spinepnp.errors import CaseError

    if unit not in (None, "nm", "um"):
        raise CaseError("--unit", "must be nm or um", unit)
    from spinepnp.commands.surface import surface as work
    from spinepnp.commands.surface_inputs import SurfaceRequest
    from spinepnp.run.place import default_output
    from spinepnp.runtime.stack import MPI

    place = output if output is not None else default_output(files[0] if len(files) == 1 else Path("surfaces"))
    request = SurfaceRequest(
        files=tuple(files), output=place, unit=unit, spine=spine, every=all_, psd_area=psd_area, psd_label=psd_label,
        base_point=base_point, base_normal=base_normal, drop_stray=drop_stray, force=force,
    )  # fmt: skip
    return work(request, MPI.COMM_WORLD)


@app.command()
def check(
    case: CaseFile,
    set_: OverrideOption = None,
    unset: UnsetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> int:
    """Explain a case without solving it: scales, layers, limiting currents, electroneutral curve, memory and time.

    Of a sweep file the plan of the batch: cases, meshes, unknowns, time and memory.
    """
    from spinepnp.batch.sweep import is_sweep
    from spinepnp.runtime.communication import on_root
    from spinepnp.runtime.stack import MPI

    comm, overrides, removals = MPI.COMM_WORLD, tuple(set_ or ()), tuple(unset or ())
    if on_root(comm, lambda: is_sweep(case)):
        from spinepnp.commands.check_sweep import check_sweep

        check_sweep(case, comm, overrides=overrides, removals=removals, as_json=as_json)
        return 0
    from spinepnp.commands.check import check_case, print_facts

    checked, facts = check_case(case, comm, overrides=overrides, removals=removals)
    if comm.rank == 0:
        print_facts(checked, facts, as_json=as_json)
    return 0


@app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_suite(context: typer.Context) -> int:
    """Run the test suite on one rank, and its parallel tests on two; arguments go to pytest (then on one rank only)."""
    from spinepnp.commands.test import run_tests

    return run_tests(list(context.args))


@app.command()
def validate(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME ...]", help="Cases; all by default.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Include the cases that take long.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="Directory of report.html and report.json; runs/validate, or runs/validate-NAMES."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a report of a batch.")] = False,
    no_figures: Annotated[bool, typer.Option("--no-figures", help="No figures on the page.")] = False,
) -> int:
    """Compare solutions with laws and references: errors, estimates, verdicts and the papers' figures on one page."""
    from spinepnp.commands.validate import validate as work
    from spinepnp.runtime.stack import MPI

    return work(names or (), output, MPI.COMM_WORLD, full=full, figures=not no_figures, force=force)


@app.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_benchmarks(context: typer.Context) -> int:
    """Measure speed and scaling: tables, CSV files and plots in runs/bench; see spinepnp bench -- --help."""
    from spinepnp.commands.test import run_benchmarks

    return run_benchmarks(list(context.args))


@app.command()
def plot(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Result directory of a run.")],
    no_animation: Annotated[bool, typer.Option("--no-animation", help="No film of a transient.")] = False,
) -> int:
    """Draw the pictures of a result directory again, and a film of a transient; needs no DOLFINx."""
    from spinepnp.commands.plot import plot_run

    made = plot_run(directory, animation=not no_animation)
    for path in made:
        print(path)
    return 0 if made else 1


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run or a batch, finished or not.")],
    x: Annotated[str | None, typer.Option("--x", help="Column along the abscissa; a current by default.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="Column along the ordinate of the heat map.")] = None,
    value: Annotated[str | None, typer.Option("--value", help="Column that is shown; a potential by default.")] = None,
) -> int:
    """Write the page of a run again (body, curves, tables); of a batch: families of curves, maps, failed cases."""
    from spinepnp.batch.report import View
    from spinepnp.commands.report import report as work

    for path in work(directory, View(x, y, value)):
        print(path)
    return 0


@app.command()
def gnp(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="fig2 ... fig9, s1 ... s3, all, table, run, list.")],
    output: Annotated[Path | None, typer.Option(help="Result directory; runs/gnp/WHAT by default.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter; see gnp list.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace results in the directory.")] = False,
    model: Annotated[str | None, typer.Option(help="For run: chh, fgnp, gnp, vgnp, kvgnp, navgnp, ihh.")] = None,
    p_open: Annotated[float | None, typer.Option(help="Opening of the glutamate channels, 0 to 1.")] = None,
    duration: Annotated[str | None, typer.Option(help='Duration of the run, for example "150 s".')] = None,
    onset: Annotated[str | None, typer.Option(help="For run: onset of the stimulus; a fifth by default.")] = None,
    pump: Annotated[str | None, typer.Option(help="For run: constant or concentration.")] = None,
) -> int:
    """Gauss-Nernst-Planck neurons and channels: the figures and numbers of their paper, and runs of one model."""
    from spinepnp.commands.gnp import Request
    from spinepnp.commands.gnp import gnp as work

    return work(Request(what, output, tuple(set_ or ()), force, model, p_open, duration, onset, pump))


@app.command()
def new(
    shape: Annotated[
        str, typer.Argument(metavar="SHAPE", help="cylinder, ball_neck, ...; see spinepnp list shapes.")
    ] = "",
    output: Annotated[Path | None, typer.Option(help="File to write; printed by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that new has written.")] = False,
) -> int:
    """Print a commented case file for a shape, which runs as it is; keys to change next stand in it as comments."""
    from spinepnp.reference.templates import new_case

    return new_case(shape, output, force=force)


@app.command("list")
def list_(
    topic: Annotated[str | None, typer.Argument(metavar="TOPIC", help=LIST_HELP)] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=NAME_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
) -> int:
    """List shapes, laws, cases, ...; the reference of all keys; a JSON Schema for editors."""
    from spinepnp.commands.list import list_topics

    return list_topics(topic, name, as_json=as_json)


@app.command()
def docs(
    output: Annotated[Path, typer.Option(help="Directory of the site.")] = Path("runs/docs"),
) -> int:
    """Build the documentation as a site that needs no network; a warning, such as a dead link, is an error."""
    from spinepnp.commands.docs import build_docs

    return build_docs(output)


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False) -> int:
    """Describe this installation for reports of errors: versions, machine, compiler, caches."""
    from spinepnp.commands.info import print_info

    print_info(as_json=as_json)
    return 0
