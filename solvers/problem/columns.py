"""Registry of output columns: each stands here once, with its name, meaning and value.

Rows of observables.csv and solver.csv, summary.json, the printed table, the peaks of a transient, frames in Python and
docs/results.md are made from it. A new column is a number in `Solution` and one entry here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple

from spinepnp.runtime.versions import versions
from spinepnp.solvers.model.compartment_charge import charge_of
from spinepnp.units import AVOGADRO, CHARGE, CURRENT, KINDS, POTENTIAL, TIME, Kind, to_unit

#: A `Solution`, whose module imports this one; and the page of results is made where DOLFINx is not installed.
type Solution = Any

#: Text of a column where there is nothing to name: a column of text then has text in all rows.
NOTHING = "-"

#: Number of ions below which the deviation of a count is told: it is one percent there.
SMALL_NUMBER = 1e4

#: Column of a mean potential.
POTENTIAL_COLUMN = f"potential_{POTENTIAL.suffix}"

#: Column of the potential beside a membrane.
NEUTRAL_POTENTIAL = f"neutral_potential_{POTENTIAL.suffix}"

#: Words for that potential, which stand beside the name of its boundary.
BESIDE = "beside its layer"

#: First column of a transient.
TIME_COLUMN = f"time_{TIME.suffix}"


class Source(NamedTuple):
    """Object that a group of columns describes, with the solution that it belongs to.

    Attributes:
        state: object that the columns describe: a boundary, a probe, the volume, a law.
        solution: solution that it belongs to.
        name: name of the boundary, probe or region; empty for other objects.
    """

    state: Any
    solution: Solution
    name: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table, and a key of summary.json.

    Attributes:
        name: with the unit at its end. Behind a dot stands a part of the quantity; SPECIES is one part a species.
        meaning: in docs/results.md.
        value: SI value of the source, or the attribute of its state; the name without its unit by default. Where it
            is or gives ``None`` there is no such column, or a recorder writes it by itself.
        then: applied to the value in the unit of the column.
        peak: whether the largest value of a transient is reported.
        printed: position, heading and format in the printed table; empty for a column that is not printed.
    """

    name: str
    meaning: str
    value: str | Callable[[Source], Any] | None = ""
    then: Callable[[Any], Any] | None = None
    peak: bool = False
    printed: tuple[int, str, str] | tuple[()] = ()

    @cached_property
    def kind(self) -> Kind | None:
        """Kind of quantity, by the unit at the end of the name; ``None`` for plain numbers and text."""
        part = next((part for part in reversed(self.name.split(".")) if "_" in part), "")
        return next((kind for kind in KINDS if part.endswith(f"_{kind.suffix}")), None)

    def si(self, source: Source) -> Any:
        """Value in SI, by species where it has several; ``None`` where there is no such column."""
        if not isinstance(self.value, str):
            return None if self.value is None else self.value(source)
        quantity = self.name.split(".")[0].removesuffix(f"_{self.kind.suffix}" if self.kind else "")
        return getattr(source.state, self.value or quantity)

    def converted(self, value: Any) -> Any:
        """Value in the unit of the column, from one in SI."""
        kind = self.kind
        if kind is not None:
            value = {k: to_unit(v, kind) for k, v in value.items()} if isinstance(value, dict) else to_unit(value, kind)
        return value if self.then is None else self.then(value)


@dataclass(frozen=True)
class Group:
    """Columns of one kind of place.

    Attributes:
        key: path in summary.json; empty for columns that stand there by themselves.
        about: sentence on all of them.
        columns: in the order of a table.
    """

    key: str
    about: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Names of the columns in a table."""
        place = self.key.split(".")[-1]
        return [f"{place}.{column.name}" if place else column.name for column in self.columns]


def finite(value: float) -> float | None:
    """A number, or ``None`` where it is infinite or not a number, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def _estimate(value: float) -> float | None:
    """Estimate with its two significant digits; ``None`` where there is none."""
    return finite(float(f"{value:.2g}"))


def _sum(parts: Mapping[str, float] | None) -> float | None:
    """Sum over the species, where there are any."""
    return sum(parts.values()) if parts is not None else None


def _difference(source: Source) -> float:
    """Computed potential between injector and ground of a law, V."""
    law, boundary = source.state, source.solution.boundary
    return boundary[law.injector].potential - boundary[law.ground].potential


def _full_pnp(source: Source) -> float:
    """Potential of a law with the Debye layer at the injector, V."""
    return float(source.state.potential + source.state.layer_drop)


def _of_resistance(source: Source, name: str) -> float | None:
    """Attribute of the `Resistance` at a boundary; ``None`` where it has none."""
    found = source.solution.resistance.get(source.name)
    return None if found is None else getattr(found, name)


def _deviations(source: Source) -> dict[str, float] | None:
    """Standard deviations of small numbers of ions, mol; ``None`` without chemistry, or without small numbers."""
    if not source.solution.electrolyte.has_chemistry:
        return None
    counts = {name: amount * AVOGADRO for name, amount in source.state.amount.items()}
    return {n: math.sqrt(N) / AVOGADRO for n, N in counts.items() if 0.0 <= N < SMALL_NUMBER} or None


def _deviation(value: float, reference: float) -> float:
    """Relative deviation; not a number from a reference of zero."""
    return value / reference - 1.0 if reference != 0.0 else math.nan


def _of_spine(name: str) -> Callable[[Source], float | None]:
    """Value of the exact size of a part of a spine (`Geometry.anatomy`); ``None`` of other shapes."""
    return lambda source: source.state.mesh.geometry.anatomy().get(name)


def _point(phrase: str) -> tuple[Column, ...]:
    return (
        Column("potential_mV", phrase.format("potential"), peak=True),
        Column("concentration_mM.SPECIES", phrase.format("concentration"), peak=True),
    )


#: Resistances between a place and the ground.
_RESISTANCES = (
    Column("resistance_MOhm", "of a steady state where a current of one species enters at one boundary: potential "
           "above the ground over this current (the chord)", lambda s: _of_resistance(s, "chord")),
    Column("slope_resistance_MOhm", "derivative of the potential by this current: of the electroneutral law, where it "
           "holds, times solution over law", lambda s: _of_resistance(s, "slope")),
)  # fmt: skip

_MEANS = _point("mean {}")
_EXTREMES = (
    Column("min_potential_mV", "smallest potential at a node"),
    Column("max_potential_mV", "largest potential at a node", peak=True),
    Column("min_concentration_mM.SPECIES", "smallest concentration at a node"),
    Column("max_concentration_mM.SPECIES", "largest concentration at a node", peak=True),
)

BOUNDARY = Group("boundaries.NAME", "Means are over the area of the boundary.", (
    Column("area_um2", "area"),
    *_MEANS,
    Column("current_pA.SPECIES", "current that the species carries into the domain"),
    Column("current_pA.total", "sum over the species: the current of the ions, without displacement", "total_current"),
    Column("current_pA.displacement", "of a transient: rate of the charge on the boundary, int eps dV/dn; with `total` "
           "zero over all boundaries, and at each floating one", "displacement"),
    Column("current_floor_pA.SPECIES", "error of that current by rounding and Newton's remaining residual; a smaller "
           "current is not significant"),
    Column("current_floor_pA.total", "sum over the species", "current_floor", lambda floors: sum(floors.values())),
    Column("current_floor_pA.displacement", "this error of the displacement current", "displacement_floor"),
    Column("current_below_floor", "species whose current is below its floor, separated by spaces; `-` for none",
           lambda s: " ".join(s.state.lost) or NOTHING),
    Column("electroneutral_potential_mV", "mean potential of the electroneutral answer, where it holds",
           lambda s: s.solution.electroneutral.get(s.name), peak=True),
    Column("potential_error_mV", "estimated error of the mean potential, where it is not prescribed: of the Debye "
           "layer on these cells, and of the fluxes", lambda s: s.solution.potential_error.get(s.name), _estimate),
    Column(NEUTRAL_POTENTIAL, "of a membrane: mean potential V + V_T w of the neutral solution beside its Debye layer, "
           "which mechanisms see; shown in place of `potential_mV` where cells do not resolve the layer", peak=True),
    Column(f"neutral_potential_error_{POTENTIAL.suffix}", "estimated error of that: of the fluxes",
           lambda s: None if s.state.neutral_potential is None else s.solution.neutral_potential_error.get(s.name),
           _estimate),
    *_RESISTANCES,
    Column("limiting_current_pA", "current at which the species that enters there is used up somewhere, by the "
           "electroneutral law", lambda s: _of_resistance(s, "limiting_current")),
    Column("charge_C_per_m2", "of a capacitance: charge C_m (V - V_outside) of the ions beside it, mean over the area"),
    Column("charge_out_fC.SPECIES", "of a transient with a synapse, where the boundary is grounded or has a load: "
           "charge that the species has carried OUT since the start, int (I_0 - I) dt with the inward current I; I_0 "
           'is that of the steady state in which the transient begins, zero with `initial = "bulk"`'),
    Column("charge_out_fC.total", "sum over the species: charge of the ions, without displacement",
           lambda s: _sum(s.state.charge_out)),
    Column("load.current_pA", "of a load: current of ions and displacement OUT of the domain into it", "load_current"),
    Column("load.potential_mV", "of a load: its potential, that of the boundary",
           lambda s: s.state.potential if s.state.has_load else None),
    Column("gate.NUMBER", "of a transient: open fraction of a gate of a channel, by its number from 1 (only in "
           "observables.csv)", None),
))  # fmt: skip

MECHANISM = Group("boundaries.NAME.MECHANISM", "Mechanisms of membranes, by boundary and name.", (
    Column("current_pA.SPECIES", "current that the species carries into the domain by this mechanism"),
    Column("current_pA.total", "sum over the species", "total_current"),
    Column("charge_fC.SPECIES", "of a synapse (a mechanism with a waveform) in a transient: charge that the species "
           "has carried in since the start, int (I - I_0) dt; I_0 is the current of the steady state in which the "
           'transient begins, zero with `initial = "bulk"`', "charge_in"),
    Column("charge_fC.total", "sum over the species", lambda s: _sum(s.state.charge_in)),
    Column("gate.LABEL", "open fraction of a gate, mean over the area; LABEL is its `kinetics`, or its number from 0",
           lambda s: s.state.gate or None),
))  # fmt: skip

COMPARTMENT = Group("compartments.NAME", "Well-stirred compartments of `[compartments]`.", (
    Column("concentration_mM.SPECIES", "concentration of each of its species", lambda s: s.state),
    Column("charge_mM", "charge sum z c of all its ions; zero where it is neutral",
           lambda s: charge_of(s.state, s.solution.electrolyte)),
))  # fmt: skip

PROBE = Group("probes.NAME", "Points of `[probes]`.", (*_point("{} there"), *_RESISTANCES))

REGION = Group("regions.NAME", "Parts of the volume, of `[regions]`; means are over the volume.", (
    Column("volume_um3", "volume"),
    *_MEANS,
    *_EXTREMES,
    *_RESISTANCES,
))  # fmt: skip

VOLUME = Group("volume", "The whole domain.", (
    *_MEANS,
    *_EXTREMES,
    Column("amount_ions.SPECIES", "number of ions"),
    Column("amount_sd_ions.SPECIES", "with reactions or immobile species, of amounts below 1e4: standard deviation "
           "sqrt(N) of the number, which of ions that enter independently is that of Poisson", _deviations),
    Column("charge_fC", "charge of all ions and of the fixed charge"),
    Column("free_energy_aJ", "free energy of field and mixing; zero in the bulk state"),
))  # fmt: skip

LAW = Group("law", "With `[compare]`: the law, and the solution over it.", (
    Column("potential_mV", "potential of the law, injector minus ground", peak=True,
           printed=(4, "electro-\nneutral\nlaw [mV]", ".6g")),
    Column("resistance_MOhm", "potential of the law over the current", printed=(6, "R\n[MOhm]", ".4g")),
    Column("computed_potential_mV", "potential of the solution, injector minus ground", _difference, peak=True,
           printed=(1, "3D PNP\n[mV]", ".6g")),
    Column("relative_error", "solution over law, less one",
           lambda s: _deviation(_difference(s), s.state.potential), finite, printed=(5, "deviation", "+.1e")),
    Column("ohmic_potential_mV", "potential of Ohm's law at the bulk's conductivity", peak=True),
    Column("full_pnp_potential_mV", "potential of the law plus the Debye layer at the injector, to first order",
           _full_pnp, peak=True, printed=(2, "full PNP\n(law +\nlayer)", ".6g")),
    Column("full_pnp_relative_error", "solution over that, less one",
           lambda s: _deviation(_difference(s), _full_pnp(s)), finite, printed=(3, "deviation", "+.1e")),
    Column("concentration_mM.SPECIES", "concentration of the law at the injector", peak=True),
    Column("printed_potential_mV", "potential of the formula as a paper prints it, where that differs", peak=True),
    Column("leading_error", "largest relative error of the law's G, where that is a bound"),
))  # fmt: skip

BOUNDS = Group("bounds.NAME", "On straight tetrahedra: bounds of G, the mean on the injector NAME of the harmonic "
               "function with an even unit influx there and zero on all grounded boundaries (of a neck: length over "
               "area), for the body of the cells.", (
    Column("G_low_per_um", "lower bound, 1/um: G of the elements of the solve", "low"),
    Column("G_high_per_um", "upper bound, 1/um: of a flux that is continuous between cells", "high"),
))  # fmt: skip

#: First columns of a row; those of a transient.
BEGINNING = (
    Column("PATH", "first column of a sweep: the varied key, with its unit (`boundaries.top.current.value_pA`)",
           None),
    Column(TIME_COLUMN, "first column of a transient", then=lambda time: float(f"{time:.15g}")),
    Column("step", "of a transient: number of the step"),
)  # fmt: skip

#: Columns of a whole solution.
SOLUTION = (
    Column("layers_resolved", "whether the mesh gives the potential drops of all Debye layers to 3 %: full PNP values "
           "if true, electroneutral ones beside those layers at best if false"),
    Column("layers_unresolved", "boundaries, and planes of edges of fixed charge, whose layers are not resolved; `-` "
           "for none", lambda s: "; ".join(n for n, layer in s.state.layers.items() if not layer.resolved) or NOTHING),
    Column("layers_charged", "boundaries and planes with a charged layer; `-` for none, where there is nothing to "
           "resolve", lambda s: "; ".join(n for n, layer in s.state.layers.items() if layer.charged) or NOTHING),
    Column("relative_error", "estimated for currents and resistances: from the jumps of gradients between cells",
           then=_estimate),
    Column("formulation", "unknowns of the species: `density`, `log` or `nodal`"),
    Column("formulation_reason", 'why `solver.formulation = "auto"` has left densities; `-` where it has not',
           then=lambda reason: reason or NOTHING),
    Column("change_within_cell_VT", "largest change of z V within a cell, in kT/e", "change_within_cell", _estimate),
    Column("too_steep", "whether that is more than densities can follow: the numbers are not to be trusted"),
    Column("wall_charge_C_per_m2", "of a domain that nothing grounds: charge that was spread evenly over all walls, as "
           "Gauss' law asks for; zero where surface charges balance the ions"),
    Column("conservation_relative", "with reactions or immobile species: largest error of a conserved total, over its "
           "amount and what has passed; of immobile species alone, at any node", "conservation"),
)  # fmt: skip

#: Columns of the balance of ions.
BALANCE = (
    Column("ion_balance_relative", "of the ions: sum of currents over the largest; closed: error of the amounts; in "
           "time: the defect over what has passed", "ion_balance"),
    Column("defect_ions.SPECIES", "of a transient: ions that the balance of amount and passed current leaves open"),
)  # fmt: skip

STATUS = Column("status", "`ok` or `failed`", lambda _: "ok")

#: Groups of columns by the heading of their table in docs/results.md.
GROUPS = {
    "Boundaries": BOUNDARY,
    "Mechanisms": MECHANISM,
    "Compartments": COMPARTMENT,
    "Probes": PROBE,
    "Regions": REGION,
    "Volume": VOLUME,
    "Law": LAW,
    "Bounds": BOUNDS,
    "All of a row": Group("", "", (*BEGINNING, *SOLUTION, *BALANCE, STATUS)),
}

#: Further keys of summary.json: of the whole run, whose state is a `SimpleNamespace` of mesh and seconds.
SUMMARY = (
    STATUS,
    Column("reason", "why, if failed", None),
    Column("failed_points", "of a sweep: how many values failed", None),
    Column("versions", "of the program and of what it stands on", lambda _: versions()),
    Column("case_digest", "of case.toml: `--resume` knows by it whose results these are", None),
    Column("mesh.cells", "number of cells", lambda s: s.state.mesh.cells),
    Column("mesh.vertices", "number of vertices", lambda s: s.state.mesh.vertices),
    Column("mesh.dofs", "number of unknowns", lambda s: s.solution.statistics.dofs),
    Column("mesh.volume_um3", "volume", lambda s: s.solution.volume.volume),
    Column("mesh.head_volume_um3", "of a `ball_neck`: exact volume of the head", _of_spine("head_volume")),
    Column("mesh.neck_volume_um3", "of a `ball_neck`: exact volume of the neck", _of_spine("neck_volume")),
    Column("mesh.neck_length_nm", "of a `ball_neck`: length of the neck", _of_spine("neck_length")),
    Column("mesh.min_quality", "quality of the worst cell, between 0 and 1", lambda s: s.state.mesh.min_quality),
    Column("debye_length_nm", "Debye length of the bulk", lambda s: s.solution.electrolyte.debye_length(), finite),
    Column("ranks", "MPI ranks", lambda s: s.solution.statistics.ranks),
    Column("seconds", "duration of the solve; of a transient that of the whole run"),
    Column("newton_iterations", "Newton steps, in all", lambda s: s.solution.statistics.newton),
    Column("krylov_iterations", "linear iterations, in all", lambda s: s.solution.statistics.krylov),
    Column("min_concentration_mM", "smallest of all concentrations",
           lambda s: s.solution.volume.min_concentration, lambda by_species: min(by_species.values())),
    Column(TIME_COLUMN, "of a transient: time of the last state", None),
    Column("steps", "of a transient: number of steps", None),
    Column("peaks.COLUMN.value", "of a transient: largest value of a potential or concentration, also between steps "
           "(of `max_...` and of a law at steps and listed times)", None),
    Column("peaks.BOUNDARY.MECHANISM.current_pA.total.value", "of a synapse: its current of the largest size, with "
           "its sign", None),
    Column(f"peaks.COLUMN.{TIME_COLUMN}", "time at which it was reached", None),
    Column(f"peaks.COLUMN.half_width_{TIME.suffix}", "of a potential, and of a trace (an ion below 1e-3 of the ionic "
           "strength that is driven, or else a species that reacts) and its bound forms: time around the peak above "
           "half of its height over the value at the start; only where it falls below that again", None),
    Column(f"peaks.COLUMN.decay_{TIME.suffix}", "of a trace and its bound forms: time from the peak until 1/e of this "
           "height is left; only where it falls that far", None),
    Column(f"peaks.COLUMN.rise_20_80_{TIME.suffix}", "of a potential: time from 20 % to 80 % of this height before the "
           "peak", None),
)  # fmt: skip

#: Columns of solver.csv in a transient, before those of the nonlinear solve.
STEP = (
    Column(TIME_COLUMN, "end of the step"),
    Column("step", "number of the step"),
    Column(f"step_{TIME.suffix}", "length of the step", "length"),
    Column("error", "estimate of its error, over the tolerance; empty where it was rejected"),
)

#: End of the columns of the currents of mechanisms, and of the charge of those that are synapses.
SYNAPTIC_CURRENT, SYNAPTIC_CHARGE = f".current_{CURRENT.suffix}.total", f".charge_{CHARGE.suffix}.total"

#: Names of the quantities that have peaks.
PEAKS = {column.name.split(".")[0] for group in GROUPS.values() for column in group.columns if column.peak}


def has_peak(name: str) -> bool:
    """Whether the largest value of a column, by its full name in a table, is reported of a transient."""
    return not PEAKS.isdisjoint(name.split(".")[1:2])


def shown_potential(name: str, *rows: Mapping[str, Any]) -> str:
    """Column of the potential of a place that is shown: beside a membrane whose Debye layer cells do not resolve.

    Args:
        name: name of the place.
        rows: rows of observables.csv, of which one is enough.
    """
    beside = f"{name}.{NEUTRAL_POTENTIAL}"
    unresolved = any(name in str(row.get("layers_unresolved", "")).split("; ") for row in rows)
    known = unresolved and any(row.get(beside) not in (None, "") for row in rows)
    return beside if known else f"{name}.{POTENTIAL_COLUMN}"


def is_synaptic(name: str, row: Mapping[str, Any]) -> bool:
    """Whether a column is the total current of a synapse, whose charge stands in the same row."""
    place, current, _ = name.partition(SYNAPTIC_CURRENT)
    return bool(current) and f"{place}{SYNAPTIC_CHARGE}" in row


def columns_of_peaks(peaks: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Columns with the peaks of a transient, for a row that stands for all of it.

    Args:
        peaks: ``peaks`` of summary.json.

    Returns:
        ``peak.COLUMN``, and of potentials ``peak.COLUMN.time_ms``, ``.half_width_ms`` and ``.rise_20_80_ms``.
    """
    found: dict[str, float] = {}
    for name, peak in peaks.items():
        found[f"peak.{name}"] = peak["value"]
        if name.endswith((f".{POTENTIAL_COLUMN}", f".{NEUTRAL_POTENTIAL}")):
            found |= {f"peak.{name}.{key}": value for key, value in peak.items() if key != "value"}
    return found


def printed(group: Group) -> list[tuple[str, str, str]]:
    """Heading, name and format of the columns of a group that are printed at the end of a run."""
    found = sorted((*column.printed, column.name) for column in group.columns if column.printed)
    return [(heading, name, form) for _, heading, form, name in found]


def values(columns: Iterable[Column], state: Any, solution: Solution, name: str = "") -> dict[str, Any]:
    """Values of some columns as they stand in summary.json, those of one quantity in a table of their own.

    Args:
        columns: columns that are evaluated.
        state: object that they describe: a boundary, a probe, the volume, a law.
        solution: solution that it belongs to.
        name: name of the boundary, probe or region; empty for other objects.

    Returns:
        Values in the units of the results; a column without a value is left out.
    """
    result: dict[str, Any] = {}
    for column in columns:
        value = column.si(Source(state, solution, name))
        if value is None:
            continue
        value, (head, _, part) = column.converted(value), column.name.partition(".")
        if not part:
            result[head] = value
        else:
            result.setdefault(head, {}).update(value if isinstance(value, dict) else {part: value})
    return result


def state_of(solution: Solution, law: Any = None) -> dict[str, Any]:
    """Physical part of summary.json: boundaries, probes, regions, volume, and the `LawValue` of a comparison."""

    def of(group: Group, states: Mapping[str, Any]) -> dict[str, Any]:
        return {name: values(group.columns, state, solution, name) for name, state in states.items()}

    boundaries = of(BOUNDARY, solution.boundary)
    for (boundary, name), state in solution.mechanisms.items():
        boundaries[boundary][name] = values(MECHANISM.columns, state, solution, name)
    return {
        "boundaries": boundaries,
        **({"compartments": of(COMPARTMENT, solution.compartments)} if solution.compartments else {}),
        **({"probes": of(PROBE, solution.probes)} if solution.probes else {}),
        **({"regions": of(REGION, solution.regions)} if solution.regions else {}),
        "volume": values(VOLUME.columns, solution.volume, solution),
        **values(SOLUTION, solution, solution),
        **({"bounds": of(BOUNDS, solution.bounds)} if solution.bounds else {}),
        **({"law": values(LAW.columns, law, solution)} if law is not None else {}),
    }


def summary_of(mesh: Any, solution: Solution, law: Any, seconds: float) -> dict[str, Any]:
    """All of summary.json for a point that was solved.

    Args:
        mesh: mesh of the solve.
        solution: solution of the point.
        law: result of the law that the point is compared with; ``None`` without one.
        seconds: duration of the point, s.
    """
    run = SimpleNamespace(mesh=mesh, seconds=seconds)
    return values(SUMMARY, run, solution) | values(BALANCE[:1], solution, solution) | state_of(solution, law)


def layers_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Columns on Debye layers for several rows together: of a layer that is not resolved in one of them it is told."""
    found: dict[str, Any] = {"layers_resolved": all(str(row["layers_resolved"]) == "True" for row in rows)}
    for name in ("layers_unresolved", "layers_charged"):
        listed = (place for row in rows for place in str(row.get(name, NOTHING)).split("; "))
        found[name] = "; ".join(dict.fromkeys(place for place in listed if place != NOTHING)) or NOTHING
    return found


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Columns of observables.csv: keys of `state_of` joined by dots; boundaries, probes and regions by name alone."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if not isinstance(value, dict):
            flat[prefix + key] = value
        elif not prefix and key in ("boundaries", "probes", "regions"):
            for name, inner in value.items():
                flat |= flatten(inner, f"{name}.")
        else:
            flat |= flatten(value, f"{prefix}{key}.")
    return flat
