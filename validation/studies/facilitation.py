"""Study of paper 000's facilitation: two synaptic conductances, the second of which finds the salt of the first.

The second potential of the dendrite is larger than the first one for two reasons: its membrane has not yet lost the
first one, and the neck has a lower resistance as long as its salt stays. Facilitation is what the salt adds: the ratio
of the peaks over the same ratio with concentrations frozen at the bulk. Frozen equations are those of a salt that is a
thousand times as concentrated and a thousand times as slow: its conductivity, and so the circuit, is the same, and its
relative changes are a thousandth. With a prescribed current the dendrite takes that current whatever the neck does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from spinepnp.geometries import BallNeck
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Electrolyte, Schedule, TransientProblem
from spinepnp.solvers.time.peaks import peaks
from spinepnp.solvers.time.traces import table

#: Salt and diffusivity of the papers, mol/m^3 and m^2/s.
SALT, DIFFUSIVITY = 167.0, 200e-12

#: Factor of the salt, and divisor of the diffusivity, of frozen equations.
FREEZING = 1000.0

#: Synapse: conductance (S), its driving force (V), rise and decay (s).
CONDUCTANCE, REVERSAL, RISE, DECAY = 1e-9, 70e-3, 0.5e-3, 2e-3

#: Current that is prescribed in place of the conductance, A.
CURRENT = 50e-12

#: Dendrite: resistance (Ohm) and capacitance (F).
RESISTANCE, CAPACITANCE = 200e6, 20e-12

#: Neck of 50 nm: radius and length, m.
NECK_RADIUS, NECK_LENGTH = 50e-9, 500e-9

#: Radius of heads, m: of 0.03 um^3, the mean of electron microscopy, and of the papers' ball.
HEADS = {"microscopy": (3.0 * 0.03 / (4.0 * math.pi)) ** (1.0 / 3.0) * 1e-6, "paper": 500e-9}

#: Time after the second onset within which its peak lies, s.
AFTER = 10e-3


@dataclass(frozen=True)
class PulsePair:
    """Peaks of the potential of the dendrite.

    Attributes:
        first: first peak, V.
        second: second peak, V.
    """

    first: float
    second: float

    @property
    def ratio(self) -> float:
        """Second over first."""
        return self.second / self.first


def head_and_neck(head_radius: float) -> BallNeck:
    """A head on a neck of 50 nm, in two dimensions.

    Args:
        head_radius: radius of the head, m.
    """
    lengths = {"head_radius": head_radius, "neck_radius": NECK_RADIUS, "neck_length": NECK_LENGTH, "cap_radius": 1e-7}
    return BallNeck.model_validate({**{k: f"{v!r} m" for k, v in lengths.items()}, "dimension": "axisymmetric"})


def pulse_pair(
    comm: Any,
    head_radius: float,
    interval: float,
    drive: Literal["conductance", "current"] = "conductance",
    *,
    frozen: bool = False,
    size: float = 30e-9,
    tolerance: float = 1e-6,
) -> PulsePair:
    """Peaks by full PNP on the meridian. Collective.

    Args:
        comm: MPI communicator.
        head_radius: radius of the head, m.
        interval: time between the onsets, s.
        drive: what the two pulses are, a conductance or a prescribed current.
        frozen: whether concentrations are frozen at the bulk.
        size: size of the cells, m.
        tolerance: tolerance of time steps.
    """
    factor = FREEZING if frozen else 1.0
    ion = {"diffusivity": f"{DIFFUSIVITY / factor!r} m^2/s", "concentration": f"{SALT * factor!r} mM"}
    species = [{"name": name, "valence": z, **ion} for name, z in (("C", 1), ("A", -1))]
    salt = Electrolyte.model_validate({"thermal_voltage": "25.26 mV", "permittivity": 80, "species": species})
    course = {"species": "C", "waveform": "biexponential", "rise": f"{RISE!r} s", "decay": f"{DECAY!r} s", "count": 2,
              "interval": f"{interval!r} s"}  # fmt: skip
    synapse = {"law": "ohmic", "name": "AMPA", "conductance": f"{CONDUCTANCE!r} S", "reversal": f"{REVERSAL!r} V"}
    load = {"resistance": f"{RESISTANCE!r} Ohm", "capacitance": f"{CAPACITANCE!r} F"}
    boundaries = {
        "base": {"load": load, "concentrations": "bulk"},
        "cap": {"mechanism": synapse | course}
        if drive == "conductance"
        else {"current": course | {"value": f"{CURRENT!r} A"}},
    }
    mesh = generate(head_and_neck(head_radius), MeshOptions.model_validate({"size": f"{size!r} m"}), comm)
    halves: tuple[list[Any], list[Any]] = ([], [])
    with TransientProblem(mesh, salt, boundaries) as problem:
        problem.begin("bulk")
        for step in problem.steps(Schedule(interval + AFTER, (interval,), tolerance)):
            if not step.interpolated:
                halves[step.time > interval * (1.0 + 1e-9)].append(step.trace)
    first, second = (peaks(table(half))["base.potential_mV"]["value"] for half in halves)
    return PulsePair(first * 1e-3, second * 1e-3)


def facilitation(comm: Any, head_radius: float, interval: float, drive: Any = "conductance", **options: Any) -> float:
    """Ratio of the two peaks over that with frozen concentrations. Collective.

    Args:
        comm: MPI communicator.
        head_radius: radius of the head, m.
        interval: time between the onsets, s.
        drive: "conductance" or "current".
        options: size and tolerance of `pulse_pair`.
    """
    moving, frozen = (pulse_pair(comm, head_radius, interval, drive, frozen=f, **options) for f in (False, True))
    return moving.ratio / frozen.ratio
