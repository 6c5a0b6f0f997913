"""The reference of results, docs/results.md: made by `spinepnp list results`; tests hold it against what runs write."""

from __future__ import annotations

from spinepnp import units
from spinepnp.reference import describe
from spinepnp.solvers.algebra.statistics import NewtonStatistics

INTRODUCTION = """\
# Results

Made from the code by `./spine list results > docs/results.md`. `./spine run CASE` writes into `runs/NAME`, `NAME` being
that of the case file, unless `--output DIR` says otherwise. A directory that holds results is refused unless `--force`
(replace) or `--resume` (solve what is missing) is given; one with files that the program has not written is always
refused. While a run writes, the file `.spinepnp` keeps others away; it stays where nothing else says whose results they
are. Exit codes: 0 all good, 1 a solve failed, 2 bad input, 130
interrupted.

Units stand at the ends of names: `_mV`, `_mM`, `_pA`, `_nm`, `_um2`, `_um3`, `_ms`. NAME is a boundary, a probe or a
region, SPECIES an ion. Positive current is positive charge that enters.
"""

#: Sections of files: file, and what it holds.
FILES = {
    "A run": {
        "case.toml": "the case as it was solved, with all defaults; it runs as it is",
        "summary.json": "all numbers of the last state, below",
        "observables.csv": "a row for each value of a sweep, or time of a transient, below",
        "solver.csv": "a row for each nonlinear solve, or step of time (rejected ones, too), below",
        "fields.vtu": "`potential_mV` and `concentration_mM.SPECIES` of the last state, for ParaView and PyVista (um)",
        "points/": "the fields of each value of a sweep, `0001.vtu`, ...; of a sweep of transients a directory each",
        "run.log": "what was said",
        "potential.png": "the potential in the body, cut open",
        "profile.png": "potential and concentrations along the axis, where the body has one",
        "iv.png": "of a sweep over a current: the points, and the law",
        "trace.png": "of a transient: potential and concentrations over time",
    },
    "A transient, too": {
        "fields/": "the fields at the listed times",
        "fields.pvd": "their list with the times (ms), for ParaView",
        "checkpoint.npz": "what `--resume` goes on from, on any number of ranks",
        "checkpoint.older.npz": "the one before it, for the case that it is damaged",
        "animation.gif": "the film that `./spine plot DIR` draws",
    },
    "A batch": {
        "cases/KEY/": "the directory of each case, with its `outcome.json`",
        "observables.csv": "the rows of all cases, below",
        "observables.parquet": "the same",
        "solver.csv": "a row for each nonlinear solve, with `case` and `key`",
        "summary.json": "counts: `cases`, `ok`, `failed`, `missing`, `solved_now`",
        "batch.json": "which cases make up the batch",
        "batch.log": "what was said",
        "index.sqlite": "makes reading fast; can be deleted",
        "work/": "cases that are being solved",
        "report.html": "the page of `./spine report DIR`",
        "families.png": "on it: curves over the current",
        "heat.png": "on it: a map over two axes",
    },
    "Other verbs": {
        "mesh.json": "of `mesh`: cells, quality, volume and areas, cells per Debye length, memory, time",
        "mesh.vtu": "of `mesh`: the mesh; `mesh.png` its picture",
        "report.json": "of `validate`: each number ([validation.md](validation.md)); `report.html` the page",
        "trace.csv": "of `gnp run`: voltage, concentrations and currents over time; `summary.json` spikes and block",
    },
}

_POINT = {
    "potential_mV": "potential",
    "concentration_mM.SPECIES": "concentration",
}
_EXTREMES = {
    "min_potential_mV": "smallest potential at a node",
    "max_potential_mV": "largest potential at a node",
    "min_concentration_mM.SPECIES": "smallest concentration at a node",
    "max_concentration_mM.SPECIES": "largest concentration at a node",
}

#: Sections of columns: where they stand in summary.json, what the section is about, and column and meaning.
COLUMNS: dict[str, tuple[str, str, dict[str, str]]] = {
    "Boundaries": (
        "boundaries.NAME",
        "Means are over the area of the boundary.",
        {
            "NAME.area_um2": "area",
            "NAME.potential_mV": "mean potential",
            "NAME.concentration_mM.SPECIES": "mean concentration",
            "NAME.current_pA.SPECIES": "current that the species carries into the domain",
            "NAME.current_pA.total": "sum over the species: the current of the ions, without displacement",
            "NAME.current_pA.displacement": "of a transient: rate of the charge on the boundary, int eps dV/dn; with "
            "`total` zero over all boundaries, and at each floating one",
            "NAME.current_floor_pA.SPECIES": "what rounding and Newton's remaining residual leave of that current: it "
            "is known no better, and a smaller one is no number",
            "NAME.current_floor_pA.total": "sum over the species",
            "NAME.current_floor_pA.displacement": "the same of the displacement current",
            "NAME.current_below_floor": "species whose current is below its floor, separated by spaces; `-` for none",
            "NAME.electroneutral_potential_mV": "mean potential of the electroneutral answer, where it holds",
            "NAME.potential_error_mV": "estimated error of the mean potential, where it is not prescribed: of the "
            "Debye layer on these cells, and of the fluxes",
            "NAME.gate.NUMBER": "of a transient: open fraction of a gate (only in observables.csv)",
        },
    ),
    "Probes": (
        "probes.NAME",
        "Points of `[probes]`.",
        {f"NAME.{key}": f"{what} there" for key, what in _POINT.items()},
    ),
    "Regions": (
        "regions.NAME",
        "Parts of the volume, of `[regions]`; means are over the volume.",
        {
            "NAME.volume_um3": "volume",
            **{f"NAME.{key}": f"mean {what}" for key, what in _POINT.items()},
            **{f"NAME.{key}": what for key, what in _EXTREMES.items()},
        },
    ),
    "Volume": (
        "volume",
        "The whole domain.",
        {
            **{f"volume.{key}": f"mean {what}" for key, what in _POINT.items()},
            **{f"volume.{key}": what for key, what in _EXTREMES.items()},
            "volume.amount_ions.SPECIES": "number of ions",
            "volume.charge_fC": "charge of all ions and of the fixed charge",
            "volume.free_energy_aJ": "of field and mixing; zero in the bulk state",
        },
    ),
    "Law": (
        "law",
        "With `[compare]`: the law, and the solution over it.",
        {
            "law.potential_mV": "of the law, injector minus ground",
            "law.computed_potential_mV": "of the solution, injector minus ground",
            "law.relative_error": "solution over law, less one",
            "law.resistance_MOhm": "potential of the law over the current",
            "law.ohmic_potential_mV": "of Ohm's law at the bulk's conductivity",
            "law.full_pnp_potential_mV": "of the law plus the Debye layer at the injector, to first order",
            "law.full_pnp_relative_error": "solution over that, less one",
            "law.concentration_mM.SPECIES": "of the law at the injector",
            "law.printed_potential_mV": "of the formula as a paper prints it, where that differs",
            "law.leading_error": "largest relative error of the law's G, where that is a bound",
        },
    ),
    "All of a row": (
        "",
        "",
        {
            "PATH": "first column of a sweep: the varied key, with its unit (`boundaries.top.current.value_pA`)",
            "time_ms": "first column of a transient",
            "step": "of a transient: number of the step",
            "wall_charge_C_per_m2": "of a domain that nothing grounds: charge that was spread evenly over all walls, "
            "as Gauss' law asks for; zero where surface charges balance the ions",
            "layers_resolved": "whether the mesh gives the potential drops of all Debye layers to 3 %: full PNP values "
            "if true, electroneutral ones beside those layers at best if false",
            "layers_unresolved": "boundaries, and planes of edges of fixed charge, whose layers are not resolved; `-` "
            "for none",
            "relative_error": "estimated for currents and resistances: from the jumps of gradients between cells",
            "formulation": "unknowns of the species: `density`, `log` or `nodal`",
            "formulation_reason": 'why `solver.formulation = "auto"` has left densities; `-` where it has not',
            "change_within_cell_VT": "largest change of z V within a cell, in kT/e",
            "too_steep": "whether that is more than densities can follow: the numbers are not to be trusted",
            "ion_balance_relative": "of the ions: sum of currents over the largest; closed: error of the amounts; in "
            "time: the defect over what has passed",
            "defect_ions.SPECIES": "of a transient: ions that the balance of amount and passed current leaves open",
            "status": "`ok` or `failed`",
        },
    ),
}

#: Further keys of summary.json.
SUMMARY = {
    "status": "`ok` or `failed`",
    "reason": "why, if failed",
    "failed_points": "of a sweep: how many values failed",
    "versions": "of the program and of what it stands on",
    "case_digest": "of case.toml: `--resume` knows by it whose results these are",
    "mesh.cells": "number of cells",
    "mesh.vertices": "number of vertices",
    "mesh.dofs": "number of unknowns",
    "mesh.volume_um3": "volume",
    "mesh.min_quality": "of the worst cell, between 0 and 1",
    "debye_length_nm": "of the bulk",
    "ranks": "MPI ranks",
    "seconds": "that the solve took; of a transient the whole run",
    "newton_iterations": "Newton steps, in all",
    "krylov_iterations": "linear iterations, in all",
    "min_concentration_mM": "smallest of all concentrations",
    "time_ms": "of a transient: time of the last state",
    "steps": "of a transient: number of steps",
    "peaks.COLUMN.value": "of a transient: largest value of a potential or concentration",
    "peaks.COLUMN.time_ms": "when it was reached",
}

#: Columns of solver.csv in a transient, before those of the nonlinear solve.
STEPS = {
    "time_ms": "end of the step",
    "step": "number of the step",
    "step_ms": "its length",
    "error": "estimate of its error, over the tolerance; empty where it was rejected",
}

#: Columns that the tables of a batch have besides.
BATCH = {
    "case": "number of the case in the sweep",
    "key": "digest of the case, the name of its directory",
    "version": "of the code that solved it: number, and digest of the source",
    "reason": "why it failed",
}


OF_A_STATE = """\
## observables.csv and summary.json

A column of observables.csv is the path of the key in summary.json, without `boundaries`, `probes` and `regions`. For a
sweep or a transient summary.json has the last state.
"""


def unit_of(name: str) -> str:
    """The unit at the end of the name of a quantity; empty without one."""
    kinds = [value for value in vars(units).values() if isinstance(value, units.Kind)]
    part = next((part for part in reversed(name.split(".")) if "_" in part), "")
    return next((kind.unit for kind in kinds if part.endswith(f"_{kind.suffix}")), "")


def statistics() -> dict[str, str]:
    """Columns of a nonlinear solve."""
    return describe.meanings(NewtonStatistics)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, "## Files\n"]
    for heading, files in FILES.items():
        parts += [f"### {heading}\n", _table("file", files)]
    parts.append(OF_A_STATE)
    for heading, (path, about, columns) in COLUMNS.items():
        where = f"`{path}` in summary.json. {about}\n" if path else ""
        parts += [f"### {heading}\n", where, _table("column", columns, units=True)]
    parts += ["### Only in summary.json\n", _table("key", SUMMARY, units=True)]
    parts += [
        "## solver.csv\n\nA sweep has the varied key in front, a transient has\n",
        _table("column", STEPS, units=True),
    ]
    parts += ["and all have\n", _table("column", statistics(), units=True)]
    parts += ["## Tables of a batch\n\nA column for each axis, the columns above, and\n", _table("column", BATCH)]
    parts.append("`spinepnp.load(DIR)` gives the table in Python ([batch.md](batch.md#reading-the-results)).\n")
    return "\n".join(filter(None, parts))


def _table(heading: str, rows: dict[str, str], *, units: bool = False) -> str:
    lines = [f"| {heading} | unit | |", "|---|---|---|"] if units else [f"| {heading} | |", "|---|---|"]
    for name, meaning in rows.items():
        unit = f" {unit_of(name)}".rstrip() + " |" if units else ""
        lines.append(f"| `{name}` |{unit} {meaning} |")
    return "\n".join(lines) + "\n"
