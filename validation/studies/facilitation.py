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

import numpy as np

from spinepnp.geometries import BallNeck
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, Schedule, TransientProblem
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.solvers.time.peaks import peaks
from spinepnp.solvers.time.traces import table
from spinepnp.units import FARADAY
from spinepnp.validation.laws import ReducedSpine, facilitation

#: Kind of the two pulses.
Drive = Literal["conductance", "current"]

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

#: Number of times at which the reduced law is evaluated: the error of a peak is 1e-7.
TIMES = 4001

#: Relative difference of equal times.
SAME_TIME = 1e-9


def head_and_neck(head_radius: float) -> BallNeck:
    """A head on a neck of 50 nm, in two dimensions.

    Args:
        head_radius: radius of the head, m.
    """
    lengths = {"head_radius": head_radius, "neck_radius": NECK_RADIUS, "neck_length": NECK_LENGTH, "cap_radius": 1e-7}
    return BallNeck.model_validate({**{k: f"{v!r} m" for k, v in lengths.items()}, "dimension": "axisymmetric"})


def salt_of(factor: float = 1.0) -> Electrolyte:
    """Salt of the papers, times a factor in concentration and divided by it in diffusivity."""
    ion = {"diffusivity": f"{DIFFUSIVITY / factor!r} m^2/s", "concentration": f"{SALT * factor!r} mM"}
    species = [{"name": name, "valence": z, **ion} for name, z in (("C", 1), ("A", -1))]
    return Electrolyte.model_validate({"thermal_voltage": "25.26 mV", "permittivity": 80, "species": species})


def _opening(time: float) -> float:
    """Open fraction of the synapse after an onset; one at its peak."""
    peak = RISE * DECAY / (DECAY - RISE) * math.log(DECAY / RISE)
    height = math.exp(-peak / DECAY) - math.exp(-peak / RISE)
    return (math.exp(-time / DECAY) - math.exp(-time / RISE)) / height if time > 0.0 else 0.0


@dataclass(frozen=True)
class PulsePair:
    """A spine whose synapse opens twice.

    Attributes:
        comm: MPI communicator.
        head_radius: radius of the head, m.
        interval: time between the onsets, s.
        size: size of the cells, m.
        tolerance: tolerance of time steps.
    """

    comm: Any
    head_radius: float
    interval: float
    size: float = 40e-9
    tolerance: float = 1e-5

    def _mesh(self) -> Any:
        options = MeshOptions.model_validate({"size": f"{self.size!r} m"})
        return generate(head_and_neck(self.head_radius), options, self.comm)

    def ratio(self, drive: Drive = "conductance", *, frozen: bool = False) -> float:
        """Second peak of the potential of the dendrite over the first one, by full PNP. Collective.

        Args:
            drive: kind of the two pulses, a conductance or a prescribed current.
            frozen: whether concentrations are frozen at the bulk.
        """
        course = {"species": "C", "waveform": "biexponential", "rise": f"{RISE!r} s", "decay": f"{DECAY!r} s",
                  "count": 2, "interval": f"{self.interval!r} s"}  # fmt: skip
        synapse = {"law": "ohmic", "name": "AMPA", "conductance": f"{CONDUCTANCE!r} S", "reversal": f"{REVERSAL!r} V"}
        driven = (
            {"mechanism": synapse | course}
            if drive == "conductance"
            else {"current": course | {"value": f"{CURRENT!r} A"}}
        )
        load = {"resistance": f"{RESISTANCE!r} Ohm", "capacitance": f"{CAPACITANCE!r} F"}
        ends: dict[str, Any] = {"base": {"load": load, "concentrations": "bulk"}, "cap": driven}
        halves: tuple[list[Any], list[Any]] = ([], [])
        with TransientProblem(self._mesh(), salt_of(FREEZING if frozen else 1.0), ends) as problem:
            problem.begin("bulk")
            for step in problem.steps(Schedule(self.interval + AFTER, (self.interval,), self.tolerance)):
                if not step.interpolated:
                    halves[step.time > self.interval * (1.0 + SAME_TIME)].append(step.trace)
        first, second = (peaks(table(half))["base.potential_mV"]["value"] for half in halves)
        return float(second / first)

    def facilitation(self, drive: Drive = "conductance") -> float:
        """Ratio of the peaks over that with frozen concentrations. Collective."""
        return self.ratio(drive) / self.ratio(drive, frozen=True)

    def reduced_ratio(self, drive: Drive = "conductance", *, frozen: bool = False) -> float:
        """Facilitation by the reduced law, with the G of the injector on the mesh. Collective."""
        law = ReducedSpine(
            G=self.geometric_factor(),
            volume=4.0 / 3.0 * math.pi * self.head_radius**3 + math.pi * NECK_RADIUS**2 * NECK_LENGTH / 3.0,
            load_resistance=RESISTANCE,
            load_capacitance=CAPACITANCE,
            diffusivity=DIFFUSIVITY,
            concentration=SALT,
        )
        scale, reversal = (CONDUCTANCE, REVERSAL) if drive == "conductance" else (CURRENT, None)
        course = law.respond(
            np.linspace(0.0, self.interval + AFTER, TIMES),
            lambda t: scale * (_opening(t) + _opening(t - self.interval)),
            reversal=reversal, breaks=(self.interval,), frozen=frozen,
        )  # fmt: skip
        return facilitation(course, self.interval)

    def geometric_factor(self) -> float:
        """Mean of the unit-flux harmonic function over the injector, 1/m, on the mesh. Collective."""
        weak = {"species": "C", "value": "1 fA"}
        ends = {"base": Boundary(potential="0 mV", concentrations="bulk"), "cap": Boundary(current=weak)}
        data = ProblemData(salt_of(), ends)
        discretisation = discretise(self._mesh(), data)
        electroneutral = ElectroneutralPrediction(discretisation, data)
        prediction = electroneutral.predict(data)
        assert prediction is not None  # a weak current of one species
        potential = electroneutral.potentials(data, prediction)["cap"]
        electroneutral.destroy()
        discretisation.destroy()
        return 2.0 * DIFFUSIVITY * FARADAY * SALT / 1e-15 * math.expm1(potential / data.electrolyte.V_T)
