"""Paper 000: a ball with a window (Box 1), and ions of one sign in a closed ball (Box 2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.laws import ClosedBallLaw, WindowEscapeLaw
from spinepnp.validation.laws.closed_ball import charge_number, large_charge_constant
from spinepnp.validation.report.evidence import Evidence, Found
from spinepnp.validation.report.figures.cases import case_of, concentrations, draw_meridian, potentials, probes, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import LAW, OHM, SERIES, SOLVED, panels, style

#: Places on the axis of Box 1, um.
AXIS = np.linspace(-0.499, 0.499, 61).tolist()

#: Places on the radius of Box 2, um.
RADIUS = (0.5 - np.geomspace(2e-4, 0.5, 50)[::-1]).tolist()

#: Radius of the ball of both boxes, m.
BALL = 500e-9

#: Diffusivity of all species, m^2/s.
DIFFUSIVITY = 2e-10

#: Charge numbers lambda of Box 2, in the order of the points of the case.
CHARGES = (1, 10, 100, 1000)

#: Onset of the current of Box 1, ms.
ONSET = 1.0

#: Times of rows, ms.
TIMES = (0.9, 1.000001, 1.00001, 1.0001, 1.001, 1.01, 1.1, 1.5, 2.5, 5.0, 9.0, 15.0, 25.0, 40.0, 80.0)

#: Keys of a mesh of Box 1 that is good enough for figures.
MESH = {"mesh.size": "45 nm", "mesh.grade": {n: {"size": "2 nm", "growth": 1.5} for n in ("window", "cap")}}


def box1(evidence: Evidence, comm: Any) -> Sheet:
    """Figure of Box 1: the ball, potential and salt along its axis and in time, and escape by diffusion."""
    steady = {"boundaries.cap": {"current": {"species": "C", "value": "50 pA"}}, "study": {"kind": "steady"}}
    (row,) = solved("box1_influx", MESH | steady | {"mesh.element_degree": 2, "probes": probes(AXIS)}, comm)
    transient = {
        "study.duration": f"{TIMES[-1]} ms",
        "study.times": [f"{t} ms" for t in TIMES],
        "study.tolerance": 1e-3,
    }
    rows = solved("box1_influx", MESH | transient, comm)
    with style():
        canvas, (shape, along, in_time, escape) = panels(2, 2, height=3.1)
        draw_meridian(shape, case_of("box1_influx", MESH), comm)
        for y, text in ((0.5, "cations enter"), (-0.5, "window: V = 0, bulk")):
            shape.annotate(text, (0.0, y), (0.62, y), va="center", arrowprops={"arrowstyle": "->"})
        along.plot(AXIS, potentials(row, AXIS), color=SOLVED, label="potential")
        salt = along.twinx()
        salt.plot(AXIS, concentrations(row, AXIS, "A"), color=SERIES[0], linestyle="--", label="anions")
        salt.set_ylabel("anions (mM)", color=SERIES[0])
        along.set(xlabel="z (um)", ylim=(0.0, None))
        along.set_ylabel("potential (mV)", color=SOLVED)
        numbers = _draw_in_time(in_time, rows)
        _draw_escape(escape, evidence)
    caption = (
        "(a) Mesh of the meridian. (b) 50 pA into the ball with 167 mM salt, along the axis: potential (left scale) "
        f"and anions (right, dashed). (c) At the centre, after the onset: the voltage is {numbers['early']:.2f} mV "
        f"within a microsecond and {numbers['late']:.2f} mV in the end, the concentration takes tens of ms. (d) Mean "
        "escape time of a neutral tracer over its first term, |Omega|/(4 a D): solved points, and the law with three "
        "terms, which leaves out terms of (a/R)²."
    )
    alt = (
        "Mesh of a ball with a window; potential and anions on its axis and in time; escape times against window size."
    )
    return Sheet(canvas, caption, alt, numbers)


def _draw_in_time(axes: Any, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Draw voltage and salt at the centre after the onset, on a logarithmic time axis."""
    times = np.array(TIMES[1:]) - ONSET
    V = np.array([row[f"centre.potential_{POTENTIAL.suffix}"] for row in rows[1:]])
    c = np.array([row[f"centre.concentration_{CONCENTRATION.suffix}.A"] for row in rows])
    axes.plot(times, V, "o-", color=SOLVED, markersize=3.5)
    salt = axes.twinx()
    salt.plot(times, c[1:], "s--", color=SERIES[0], markersize=3.5)
    salt.set_ylabel("anions (mM)", color=SERIES[0])
    axes.set(xscale="log", xlabel="time after the onset (ms)", ylim=(0.0, 1.15 * V.max()))
    axes.set_ylabel("potential (mV)", color=SOLVED)
    return {"early": float(V[2]), "late": float(V[-1]), "rise": float(c[-1] / c[0])}


def _draw_escape(axes: Any, evidence: Evidence) -> None:
    """Draw mean escape times of a neutral tracer, from the verdicts."""
    found = evidence.any("box1_escape", f"volume.concentration_{CONCENTRATION.suffix}.T")
    windows = np.array([f.point for f in found])
    x = np.geomspace(20.0, 250.0, 60)
    laws = [WindowEscapeLaw(BALL, a * 1e-9, DIFFUSIVITY) for a in x]
    first = np.array([WindowEscapeLaw(BALL, a * 1e-9, DIFFUSIVITY).leading_time() for a in windows])
    axes.plot(x, [law.mean_time() / law.leading_time() for law in laws], color=LAW, label="three terms")
    axes.axhline(1.0, color=OHM, linestyle=":", label="first term")
    axes.plot(windows, np.array([f.value for f in found]) / first, "o", color=SOLVED, label="solved")
    axes.set(xscale="log", xlabel="radius of the window (nm)", ylabel="escape time over its first term")
    axes.set_xticks([25, 50, 100, 200], ["25", "50", "100", "200"])
    axes.set_xticks([], minor=True)
    axes.legend(loc="lower left")


def box2(evidence: Evidence, comm: Any) -> Sheet:
    """Figure of Box 2: potential and concentration over the radius, and the drop against the charge."""
    changes = {"mesh.grade": {"wall": {"size": "0.5 nm", "growth": 1.4}}, "probes": probes(RADIUS)}
    case, rows = case_of("closed_ball", changes), solved("closed_ball", changes, comm)
    V_T, r = 1e3 * case.electrolyte.V_T, np.array(RADIUS) / 0.5
    with style():
        canvas, (potential, concentration, drop) = panels(1, 3, height=3.5)
        for colour, charge, row in zip(SERIES, CHARGES, rows, strict=True):
            law, wall = ClosedBallLaw.of_lambda(charge), row[f"wall.potential_{POTENTIAL.suffix}"]
            mean = row[f"volume.concentration_{CONCENTRATION.suffix}.P"]
            potential.plot(r, (potentials(row, RADIUS) - wall) / V_T, color=colour, linewidth=2.6, label=f"{charge}")
            potential.plot(r, law.potential(r) - float(law.potential(1.0)), "--", color="black", linewidth=0.9)
            concentration.plot(r, concentrations(row, RADIUS, "P") / mean, color=colour, linewidth=2.6)
            concentration.plot(r, law.concentration(r), "--", color="black", linewidth=0.9)
        potential.set(xlabel="r/R", ylabel="(V - V at the wall)/$V_T$")
        potential.legend(title="$\\lambda$")
        concentration.set(xlabel="r/R", ylabel="concentration over the mean", yscale="log")
        _draw_drop(drop, evidence)
    numbers = {"log_100": 2.0 * math.log(100.0 / (4.0 * math.pi)) - large_charge_constant()}
    caption = (
        "Ions of one sign alone, nothing enters or leaves; lambda = e² N/(eps kT R). Solid: full equations; dashed: "
        "the exact radial equation. The ions crowd at the wall, where the potential is lowest. (c) The difference from "
        "the centre to the wall: points on the exact curve; the logarithm alone (dotted) holds from lambda of about "
        "1000 on only."
    )
    alt = "Potential and concentration over the radius of a closed ball for four charges, and the drop against charge."
    return Sheet(canvas, caption, alt, numbers)


def charge_of(found: Found) -> float:
    """Charge number lambda at a point of the case closed_ball, whose points are numbers of ions."""
    case = case_of("closed_ball", {})
    eps, V_T = case.electrolyte.absolute_permittivity, case.electrolyte.V_T
    return 4.0 * math.pi * charge_number(found.point, BALL, eps, V_T)


def _draw_drop(axes: Any, evidence: Evidence) -> None:
    """Draw u(0) - u(R) against lambda: solved, exact, and the limits."""
    quantity = f"centre.potential_{POTENTIAL.suffix} - wall.potential_{POTENTIAL.suffix} / V_T"
    found = evidence.all("closed_ball", quantity)
    x = np.geomspace(0.5, 3000.0, 60)
    axes.plot(x, [ClosedBallLaw.of_lambda(v).drop() for v in x], color=LAW, label="exact")
    axes.plot(x, x / (8.0 * math.pi), "-.", color=SERIES[2], label="small $\\lambda$")
    axes.plot(x, 2.0 * np.log(x / (4.0 * math.pi)) - large_charge_constant(), ":", color=OHM, label="logarithm")
    axes.plot([charge_of(f) for f in found], [f.value for f in found], "o", color=SOLVED, label="solved")
    axes.set(xscale="log", xlabel="$\\lambda$", ylabel="(V(0) - V(R))/$V_T$", ylim=(-0.2, 8.5), xlim=(x[0], x[-1]))
    axes.legend()
