"""Statements that support the entries of `errata`: sentences with numbers of this run, and links to the verdicts."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL
from spinepnp.validation.laws import ClosedBallLaw, WindowEscapeLaw
from spinepnp.validation.laws.closed_ball import large_charge_constant
from spinepnp.validation.reference import table as references
from spinepnp.validation.report.evidence import Evidence, Found
from spinepnp.validation.report.figures.boxes import BALL, DIFFUSIVITY, charge_of
from spinepnp.validation.report.figures.drawing import minus
from spinepnp.validation.report.figures.neck import law_of, neck

#: Columns of the potentials at the top, in the head, at the centre and at the end.
TOP = f"top.potential_{POTENTIAL.suffix}"
HEAD = f"head.potential_{POTENTIAL.suffix}"
CENTRE = f"centre.potential_{POTENTIAL.suffix}"
END = f"end.potential_{POTENTIAL.suffix}"


def linked(found: Found, text: str) -> Markup:
    """Text of a number as a link to its verdict."""
    return Markup('<a href="#{}">{}</a>').format(found.anchor, text)


def sentence(text: str, **numbers: Any) -> Markup:
    """Sentence with numbers and links; values are escaped unless they are links."""
    return Markup(minus(str(Markup(text).format(**numbers))))


def figure(name: str, text: str) -> Markup:
    """Link to a figure."""
    return Markup('<a href="#{}">{}</a>').format(name, text)


def percent(value: float, over: float) -> str:
    """Relative deviation of a value, in percent with a sign."""
    return f"{100.0 * (value / over - 1.0):+.2g} %"


def resistance(evidence: Evidence) -> Markup:
    """Statement on V/I of the solved neck."""
    V = evidence.at("cylinder_100", TOP, "100 pA")
    return sentence(
        "100 pA through a neck of 100 nm were solved to give {V}, that is {R:.1f} MOhm; eq. (14) as printed says "
        "“R = {printed:.4g} mV”.",
        V=linked(V, f"{V.value:.4f} mV"),
        R=V.value / 100.0 * 1e3,
        printed=V.value,
    )


def own_gradient(evidence: Evidence) -> Markup:
    """Statement on chloride of the cytosol, which has no flux."""
    Cl = evidence.at("cytosol", f"head.concentration_{CONCENTRATION.suffix}.Cl")
    return sentence(
        "Chloride that carries no current must follow its own gradient, c = C exp(u): solved {c}, error {e}.",
        c=linked(Cl, f"{Cl.value:.5g} mM at the head"),
        e=f"{abs(Cl.verdict.error or 0.0):.0e}",
    )


def thermal_voltage(evidence: Evidence) -> Markup:
    """Statement on the 6 mV of the paper."""
    V = evidence.at("spine_head", CENTRE)
    return sentence(
        "With 25.26 mV, 50 pA raise the head to {V}, the paper's “6 mV”; with 25.26 V they would to {volts:.2f} V.",
        V=linked(V, f"{V.value:.3f} mV"),
        volts=V.value,
    )


def ohm(evidence: Evidence) -> Markup:
    """Statement on Ohm's law and the full law at the largest current of the narrowest neck."""
    V = evidence.at("cylinder_50", TOP, "200 pA")
    law = law_of(neck(50))
    straight = law.ohmic_resistance() * 200.0 * CURRENT.si / POTENTIAL.si
    return sentence(
        "200 pA through a neck of 50 nm: solved {V}, Ohm's law {ohm:.2f} mV, {factor:.2f} times as much, where the "
        "parameter is {w:.2f}; eq. (13) is off by {off}.",
        V=linked(V, f"{V.value:.3f} mV"),
        ohm=straight,
        factor=straight / V.value,
        w=straight / (1e3 * law.thermal_voltage),
        off=percent(float(law.voltage(200.0 * CURRENT.si)) / POTENTIAL.si, V.value),
    )


def negative(evidence: Evidence) -> Markup:
    """Statement on eq. (12) beyond its limiting current."""
    V = evidence.at("cylinder_three_species", TOP, "10 pA")
    law = law_of(neck(100))
    return sentence(
        "For the neck of 100 nm ({case}) the law's own limit is {limit:.2f} pA; at \N{MINUS SIGN}20 pA eq. (12) gives "
        "{Na:.1f} mM of sodium.",
        case=linked(V, "cylinder_three_species"),
        limit=law.limiting_current() / CURRENT.si,
        Na=float(law.concentrations(-20.0 * CURRENT.si)[0]),
    )


def throat(evidence: Evidence) -> Markup:
    """Statement on solved potentials against those of eq. (18)."""
    parts = []
    for case, c in (("throat_flat", 100), ("throat_wide", 50)):
        for found in evidence.all(case, END):
            a = found.point
            (row,) = (r for r in references.rows("throat_voltage") if (r["a"], r["c"]) == (a, c))
            text = f"{found.value:.3f} against {row['printed_50']:.3f} mV"
            off = percent(row["printed_50"], found.value)
            parts.append(sentence("{n} (a = {a:g}, c = {c} nm: {off})", n=linked(found, text), a=a, c=c, off=off))
    return sentence("At 50 pA, solved against eq. (18): {parts}.", parts=Markup("; ").join(parts))


def letters(evidence: Evidence) -> Markup:
    """Statement on eq. (18) where it holds."""
    V = evidence.at("throat_ratio", TOP, "10 nm")
    ratio = evidence.number("fig-001-2x", "ratio_10")
    return sentence(
        "Read so, eq. (18) is met where it should be: at a/c = 0.1 the solved {V} makes a resistance that is {r} off.",
        V=linked(V, "small-signal potential"),
        r=percent(ratio, 1.0),
    )


def two_currents(evidence: Evidence) -> Markup:
    """Statement on the end of the axis at both currents."""
    small, large = (evidence.number("fig-001-2de", name) for name in ("small_25", "V_25"))
    return sentence(
        "For a = 25 nm (with c = 100 nm) the end of the axis is at {large:.2f} mV with 50 pA and at {small:.2f} mV "
        "with 10 pA ({link}).",
        large=large,
        small=small,
        link=figure("fig-001-2de", "figure"),
    )


def hot_cap(evidence: Evidence) -> Markup:
    """Statement on the potentials of cap and centre."""
    cap, peak = (evidence.number("fig-001-3bc", name) for name in ("cap", "peak"))
    return sentence(
        "After the step the cap reaches about {cap:.0f} mV and the head's centre {peak:.2f} mV ({link}).",
        cap=cap,
        peak=peak,
        link=figure("fig-001-3bc", "figure"),
    )


def delay(evidence: Evidence) -> Markup:
    """Statement on the voltage in time after the step."""
    *_, last = found = evidence.all("spine_step", HEAD)
    equal = [evidence.number("fig-001-3delay", name) for name in ("equal_onset", "equal_end")]
    slow = [evidence.number("fig-001-3delay", name) for name in ("slow_onset", "slow_end")]
    return sentence(
        "Head after the step at 10 ms: {first}, later {last}; the slowest time of diffusion is {tau:.0f} ms. At a ring "
        "at the neck's entrance: {a:.2f} mV at the onset, {b:.2f} mV in the end; with sodium four times slower than "
        "the rest {c:.2f} and {d:.2f} mV ({link}).",
        first=linked(found[0], f"{found[0].value:.4f} mV at {found[0].verdict.point}"),
        last=linked(last, f"{last.value:.4f} mV at {last.verdict.point}"),
        tau=references.load("spine_transient")["slowest_times_ms"][0],
        a=equal[0],
        b=equal[1],
        c=slow[0],
        d=slow[1],
        link=figure("fig-001-3delay", "figure"),
    )


def six_millivolts(evidence: Evidence) -> Markup:
    """Statement on the head's voltage for three necks."""
    necks = [(100, "spine_head"), (75, "spine_head_75"), (50, "spine_head_50")]
    parts = []
    for radius, case in necks:
        V = evidence.at(case, CENTRE)
        parts.append(sentence("{V} ({r} nm)", V=linked(V, f"{V.value:.3f} mV"), r=radius))
    return sentence("50 pA into the head, by radius of the neck: {parts}.", parts=Markup(", ").join(parts))


def layer(evidence: Evidence) -> Markup:
    """Statement on the potential that the Debye layer adds to the law."""
    parts = []
    for radius in (50, 75, 100):
        V = evidence.at(f"cylinder_{radius}", TOP, "100 pA")
        law = float(law_of(neck(radius)).voltage(100.0 * CURRENT.si)) / POTENTIAL.si
        added = f"{1e3 * (V.value - law):+.1f} uV"
        parts.append(sentence("{V} ({r} nm)", V=linked(V, added), r=radius))
    return sentence(
        "Solved less eq. (13) at 100 pA: {parts}. Voltages of spines are compared with laws at the head's centre, away "
        "from the layer of the cap.",
        parts=Markup(", ").join(parts),
    )


def channels(evidence: Evidence) -> Markup:
    """Statement on the potential that rings of channels add."""
    names = {"head_top": "head, top", "head_bottom": "head, bottom", "neck_top": "neck, top", "neck_base": "neck, base"}
    gains = ", ".join(f"{evidence.number('fig-001-3bc', f'gain_{n}'):.2f} mV ({text})" for n, text in names.items())
    return sentence(
        "With those they add at most {gains} to the head ({link}).", gains=gains, link=figure("fig-001-3bc", "figure")
    )


def three_species(evidence: Evidence) -> Markup:
    """Statement on two and three species at one current."""
    two, three = (evidence.at(case, TOP, "100 pA") for case in ("cylinder_100", "cylinder_three_species"))
    onset, end = (evidence.number("fig-001-3delay", name) for name in ("slow_onset", "slow_end"))
    return sentence(
        "100 pA, 100 nm: two species {two}, three with other diffusivities {three}. In time, with slow sodium, the "
        "spine goes from {onset:.2f} to {end:.2f} mV instead of falling ({link}).",
        two=linked(two, f"{two.value:.7f} mV"),
        three=linked(three, f"{three.value:.7f} mV"),
        onset=onset,
        end=end,
        link=figure("fig-001-3delay", "figure"),
    )


def escape(evidence: Evidence) -> Markup:
    """Statement on escape times against their first term."""
    parts = []
    for found in evidence.all("box1_escape", f"volume.concentration_{CONCENTRATION.suffix}.T"):
        window = found.point * 1e-9
        first = WindowEscapeLaw(BALL, window, DIFFUSIVITY).leading_time()
        text = linked(found, f"{1e3 * found.value:.3f} ms")
        off = percent(first, found.value)
        parts.append(sentence("{n} for {w} (first term {off})", n=text, w=found.verdict.point, off=off))
    return sentence("Mean escape from a ball of 500 nm, solved: {parts}.", parts=Markup("; ").join(parts))


def logarithm(evidence: Evidence) -> Markup:
    """Statement on the drop of Box 2 against its logarithm."""
    quantity = f"{CENTRE} - wall.potential_{POTENTIAL.suffix} / V_T"
    parts = []
    for found in evidence.all("closed_ball", quantity)[-2:]:
        charge = charge_of(found)
        law = ClosedBallLaw.of_lambda(charge)
        bare = law.large_charge_drop() - 12.0 / law.charge
        text, off = linked(found, f"{found.value:.4f}"), percent(bare, found.value)
        parts.append(sentence("{n} against {b:.4f} at lambda = {c:.0f}, {off}", n=text, b=bare, c=charge, off=off))
    return sentence(
        "Centre to wall in units of kT/e, solved against 2 ln(lambda) \N{MINUS SIGN} {k:.3f}: {parts}.",
        k=2.0 * math.log(4.0 * math.pi) + large_charge_constant(),
        parts=Markup("; ").join(parts),
    )
