"""Suite `wide`: cost of many species, of reactions and of many channels, each against the same problem with few."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.problems import GROUND, Problem, electrolyte
from benchmarks.transients import solved, spent
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary, Channel, Gate, Schedule, SolverOptions, SteadyProblem, TransientProblem

#: Ions and buffers of a cytosol, in the order in which they are added: name, valence, diffusivity (um^2/s) and
#: concentration (mM). Chloride is added until the whole is neutral.
SPECIES = (
    ("Na", 1, 1333, 12.0), ("Cl", -1, 2030, 0.0), ("K", 1, 1960, 155.0), ("Ca", 2, 790, 0.25), ("H", 1, 9300, 1e-3),
    ("Mg", 2, 700, 0.5), ("HCO3", -1, 1180, 10.0), ("buffer", -2, 100, 0.4), ("parvalbumin", -3, 60, 0.1),
    ("ATP", -4, 400, 0.5), ("amino_acid", 1, 600, 14.0), ("lactate", -1, 1000, 1.5),
)  # fmt: skip

#: Species that react, in the order in which they are added to sodium, chloride and potassium (as `SPECIES`), and the
#: reaction that comes with each: a messenger, then calcium with an immobile buffer, with a dye and with a trace.
REACTING = (
    ("IP3", 0, 280, 1e-4), ("B", 0, 0, 0.1), ("CaB", 2, 0, 1e-3), ("Ca", 2, 220, 1e-4), ("Dye", 0, 50, 0.05),
    ("CaDye", 2, 50, 2e-3), ("P", 0, 20, 1e-6), ("CaP", 2, 20, 1e-6),
)  # fmt: skip
REACTIONS = {
    "IP3": ({"equation": "-> IP3", "forward": "1e-4 mM/s"}, {"equation": "IP3 ->", "forward": "1 1/s"}),
    "Ca": ({"equation": "Ca + B <-> CaB", "forward": "1e8 1/(M s)", "backward": "1000 1/s"},),
    "CaDye": ({"equation": "Ca + Dye <-> CaDye", "forward": "2e8 1/(M s)", "backward": "500 1/s"},),
    "CaP": ({"equation": "Ca + P <-> CaP", "forward": "1e9 1/(M s)", "backward": "100 1/s"},),
}

#: Numbers of species that react.
EXTRA = (0, 1, 4, 8)

#: Numbers of species.
NUMBERS = (2, 3, 5, 8, 12)

#: Rings on the wall of the neck, each with one channel.
RINGS = 50

#: Current that starts at once, for transients.
ALPHA = {"current": {"species": "Na", "waveform": "alpha", "value": "50 pA", "t_peak": "2 ms"}}

#: Rounds of each measurement; the fastest counts.
ROUNDS = 2


def mixture(number: int, reacting: int = 0) -> Any:
    """Electrolyte of the first species, and of the first of those that react, made neutral by chloride."""
    species = [list(ion) for ion in (*SPECIES[:number], *REACTING[:reacting])]
    species[1][3] = 0.0
    species[1][3] = sum(valence * concentration for _, valence, _, concentration in species)
    reactions = [reaction for name, *_ in REACTING[:reacting] for reaction in REACTIONS.get(name, ())]
    return electrolyte(tuple(map(tuple, species)), 1.0, reactions=reactions)


def wide_species(comm: Any, size: str, kind: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
    """Rows of a steady solve or of a transient of the block solver, by the number of species.

    Args:
        comm: MPI communicator.
        size: cell size of the neck.
        kind: "steady" or "transient".
        numbers: numbers of species; the first one is the measure of the others.
    """
    mesh = Problem("").make_mesh(size, 1, comm)
    options = SolverOptions(linear="block")
    rows: list[dict[str, Any]] = []
    for number in numbers or NUMBERS:
        ions = mixture(number)
        top = {"current": {"species": "Na", "value": "50 pA"}} if kind == "steady" else ALPHA
        ends = {"base": Boundary(**GROUND), "top": Boundary(**top)}
        found = _steady(mesh, ions, ends, options) if kind == "steady" else _transient(mesh, ions, ends, options)
        found |= {"kind": kind, "what": f"{number} species", "us_per_dof": 1e6 * found["cpu_s"] / found["dofs"]}
        rows.append(found | {"ratio": found["us_per_dof"] / (rows or [found])[0]["us_per_dof"]})
    return rows


def wide_channels(comm: Any, size: str, dimension: str) -> list[dict[str, Any]]:
    """Rows of a transient with one channel and with fifty, each of two gates, on one mesh.

    Args:
        comm: MPI communicator.
        size: cell size of the neck.
        dimension: "axisymmetric" or "3d".
    """
    edges = [10.0 + 980.0 * k / RINGS for k in range(RINGS + 1)]
    rings = [{"name": f"ring{k}", "z": (f"{edges[k]} nm", f"{edges[k + 1]} nm")} for k in range(RINGS)]
    neck = Cylinder(radius="50 nm", length="1 um", dimension=dimension, rings=rings)
    mesh, ions = generate(neck, MeshOptions(size=size, element_degree=1), comm), mixture(3)
    options = SolverOptions(linear="direct" if dimension == "axisymmetric" else "block")
    rows: list[dict[str, Any]] = []
    for number in (1, RINGS):
        ends = {"base": Boundary(**GROUND), "top": Boundary(**ALPHA)}
        ends |= {f"ring{k}": Boundary(channel=[_channel(k, 1.0 / number)]) for k in range(number)}
        found = _transient(mesh, ions, ends, options)
        found |= {"kind": f"channels, {dimension}", "what": f"{number} channels"}
        rows.append(found | {"ratio": found["step_s"] / (rows or [found])[0]["step_s"]})
    return rows


def wide_chemistry(comm: Any, size: str, numbers: list[int] | None = None) -> list[dict[str, Any]]:
    """Rows of a transient of three ions without chemistry, and with more and more species that react.

    Args:
        comm: MPI communicator.
        size: cell size of the neck.
        numbers: numbers of species that react; the first one is the measure of the others.
    """
    mesh, options = Problem("").make_mesh(size, 1, comm), SolverOptions(linear="block")
    rows: list[dict[str, Any]] = []
    for number in numbers or EXTRA:
        found = _transient(mesh, mixture(3, number), {"base": Boundary(**GROUND), "top": Boundary(**ALPHA)}, options)
        found |= {"kind": "chemistry", "what": f"{number} reacting species"}
        rows.append(found | {"ratio": found["step_s"] / (rows or [found])[0]["step_s"]})
    return rows


def _channel(number: int, share: float) -> Channel:
    """Channel with a gate that opens and one that closes, at a potential of its own."""
    opens = Gate(half=f"{2.0 + 0.1 * number} mV", slope="2 mV", time="0.5 ms", power=3)
    closes = Gate(half="8 mV", slope="-3 mV", time="5 ms")
    conductance = f"{2.0 * share} nS"
    return Channel(law="gates", species="K", conductance=conductance, reversal="-20 mV", gates=(opens, closes))


def _steady(mesh: Any, ions: Any, ends: dict[str, Boundary], options: SolverOptions) -> dict[str, Any]:
    best: dict[str, Any] = {}
    for _ in range(ROUNDS):
        start = time.process_time()
        problem = SteadyProblem(mesh, ions, ends, options)
        statistics = problem.solve(ions, ends).statistics
        row = {"newton": statistics.newton, "krylov": statistics.krylov, "mean": statistics.krylov / statistics.newton}
        best = _better(best, problem, row, start)
    return best


def _transient(mesh: Any, ions: Any, ends: dict[str, Boundary], options: SolverOptions) -> dict[str, Any]:
    best: dict[str, Any] = {}
    for _ in range(ROUNDS):
        problem = TransientProblem(mesh, ions, ends, options)
        problem.begin()
        start = time.process_time()
        steps = list(problem.steps(Schedule(duration="10 us")))
        newton, krylov = (sum(getattr(s, name) for s in spent(steps)) for name in ("newton", "krylov"))
        row = {"steps": len(solved(steps)), "newton": newton, "krylov": krylov, "mean": krylov / newton}
        best = _better(best, problem, row, start)
    best["step_s"] = best["cpu_s"] / best["steps"]
    return best


def _better(best: dict[str, Any], problem: Any, row: dict[str, Any], start: float) -> dict[str, Any]:
    """The faster of two rounds, by the CPU time of the slowest rank; destroys the problem. Collective."""
    comm = problem.mesh.mesh.comm
    seconds = comm.allreduce(time.process_time() - start, op=MPI.MAX)
    row |= {"ranks": comm.size, "dofs": problem.system.state.vector.getSize(), "cpu_s": seconds}
    problem.destroy()
    return row if not best or seconds < best["cpu_s"] else best
