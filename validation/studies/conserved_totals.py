"""Study of the totals that reactions conserve: over a thousand steps, with species from 1 nM to 150 mM.

Calcium enters a closed neck at its top in pulses, and as much charge of potassium leaves at its base. It binds to an
immobile buffer, to a dye and to a trace of 1 nM. What has entered is known, and so are all totals at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, Schedule, TransientProblem
from spinepnp.units import FARADAY

#: Pulses: number, current (A), duration and interval (s). Steps begin anew at each of their ends: over a thousand.
PULSES, CURRENT, DURATION, INTERVAL = 30, 20e-15, 20e-6, 50e-6

#: Concentrations at the start, mM, with valences and diffusivities (um^2/s): in equilibrium, and neutral.
SPECIES = (
    ("K", 1, 1960, "150 mM"), ("Cl", -1, 2030, "150.006202 mM"), ("Ca", 2, 220, "100 nM"),
    ("B", 0, 0, "100 uM"), ("CaB", 2, 0, "1 uM"), ("Dye", 0, 50, "50 uM"), ("CaDye", 2, 50, "2 uM"),
    ("P", 0, 10, "1 nM"), ("CaP", 2, 10, "1 nM"),
)  # fmt: skip

#: Reactions: products of calcium, their rate constants forward (1/(M s)) and backward (1/s).
REACTIONS = (("B", 1e8, 1000), ("Dye", 2e8, 500), ("P", 1e9, 100))

#: Totals that reactions conserve.
TOTALS = (("K",), ("Cl",), ("Ca", "CaB", "CaDye", "CaP"), ("B", "CaB"), ("Dye", "CaDye"), ("P", "CaP"))


@dataclass(frozen=True)
class Conservation:
    """Totals at the end of the pulses.

    Attributes:
        steps: number of steps.
        totals: amount of each total at the end, and the expected one, mol, by its name.
        reported: `Solution.conservation` at the end.
    """

    steps: int
    totals: dict[str, tuple[float, float]]
    reported: float


def conservation(comm: Any, pulses: int = PULSES) -> Conservation:
    """Totals after a number of pulses. Collective.

    Args:
        comm: MPI communicator.
        pulses: number of pulses.
    """
    species = [
        {"name": name, "valence": z, "diffusivity": f"{D} um^2/s", "concentration": c} for name, z, D, c in SPECIES
    ]
    reactions = [
        {"equation": f"Ca + {b} <-> Ca{b}", "forward": f"{k} 1/(M s)", "backward": f"{q} 1/s"} for b, k, q in REACTIONS
    ]
    keys: Any = {"species": species, "reactions": reactions}
    electrolyte = Electrolyte(**keys)
    train = {"waveform": "pulse", "duration": f"{DURATION} s", "interval": f"{INTERVAL} s", "count": pulses}
    ends = {
        "top": Boundary(current={"species": "Ca", "value": f"{CURRENT} A", **train}),
        "base": Boundary(current={"species": "K", "value": f"{-CURRENT} A", **train}),
    }
    mesh = generate(Cylinder(length="1 um", radius="100 nm", dimension="1d"), MeshOptions(size="50 nm"), comm)
    problem = TransientProblem(mesh, electrolyte, ends, closed={})
    first = problem.begin().volume.amount
    steps = list(problem.steps(Schedule(duration=f"{pulses * INTERVAL} s")))
    last = steps[-1].solution
    problem.destroy()
    entered = {"Ca": pulses * CURRENT * DURATION / (2.0 * FARADAY), "K": -pulses * CURRENT * DURATION / FARADAY}
    totals = {
        " + ".join(names): (
            sum(last.volume.amount[name] for name in names),
            sum(first[name] + entered.get(name, 0.0) for name in names),
        )
        for names in TOTALS
    }
    return Conservation(len(steps), totals, last.conservation or 0.0)
