"""Full 3D Poisson-Nernst-Planck in dendritic spines and other neuronal nanodomains.

``import spinepnp as pnp`` gives shapes, meshes, tables, problems and results; each name is imported at its first use.
"""

import importlib
import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path:
    # `python -m spinepnp` puts the current directory first: a numpy.py there would be imported. As `python -P` does.
    del sys.path[0]

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from spinepnp.batch.table import load
    from spinepnp.case.case import load_case
    from spinepnp.errors import CaseError, OutputError, SolveError, SpineError
    from spinepnp.geometries import (
        Ball,
        BallNeck,
        BallWindow,
        Cone,
        Cylinder,
        Hyperboloid,
        ImportedSurface,
        Obstacle,
        Pore,
        Shell,
        Tube,
    )
    from spinepnp.meshes import GradeOptions, GradePlane, MeshOptions, SpineMesh
    from spinepnp.python.frames import to_xarray
    from spinepnp.python.shortcuts import bath, inject, mesh
    from spinepnp.python.sweep import Sweep, sweep
    from spinepnp.run import run_case
    from spinepnp.solvers import (
        Boundary,
        Cable,
        Channel,
        Closed,
        Compartment,
        Electrolyte,
        Gate,
        Initial,
        Injection,
        Load,
        Mechanism,
        MechanismGate,
        PotentialWaveform,
        Reaction,
        Region,
        Schedule,
        Solution,
        SolverOptions,
        Species,
        SteadyProblem,
        Step,
        TransientProblem,
        grade_layers,
        solve_steady,
        solve_transient,
    )
    from spinepnp.solvers.pnp.custom_term import Term
    from spinepnp.solvers.time.steps import Steps
    from spinepnp.units import si

#: Public names by the module that has them: DOLFINx, pandas and pydantic are imported only when they are needed.
_NAMES = {
    "geometries": "Ball BallNeck BallWindow Cone Cylinder Hyperboloid ImportedSurface Obstacle Pore Shell Tube",
    "meshes": "GradeOptions GradePlane MeshOptions SpineMesh",
    "solvers": "Boundary Cable Channel Closed Compartment Electrolyte Gate Initial Injection Load Mechanism "
    "MechanismGate PotentialWaveform Reaction Region Schedule Solution SolverOptions Species SteadyProblem Step "
    "TransientProblem grade_layers solve_steady solve_transient",
    "solvers.time.steps": "Steps",
    "solvers.pnp.custom_term": "Term",
    "errors": "CaseError OutputError SolveError SpineError",
    "units": "si",
    "python.shortcuts": "bath inject mesh",
    "python.sweep": "Sweep sweep",
    "python.frames": "to_xarray",
    "batch.table": "load",
    "case.case": "load_case",
    "run": "run_case",
}

#: Module of each public name.
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "Ball",
    "BallNeck",
    "BallWindow",
    "Boundary",
    "Cable",
    "CaseError",
    "Channel",
    "Closed",
    "Compartment",
    "Cone",
    "Cylinder",
    "Electrolyte",
    "Gate",
    "GradeOptions",
    "GradePlane",
    "Hyperboloid",
    "ImportedSurface",
    "Initial",
    "Injection",
    "Load",
    "Mechanism",
    "MechanismGate",
    "MeshOptions",
    "Obstacle",
    "OutputError",
    "Pore",
    "PotentialWaveform",
    "Reaction",
    "Region",
    "Schedule",
    "Shell",
    "Solution",
    "SolveError",
    "SolverOptions",
    "Species",
    "SpineError",
    "SpineMesh",
    "SteadyProblem",
    "Step",
    "Steps",
    "Sweep",
    "Term",
    "TransientProblem",
    "Tube",
    "__version__",
    "bath",
    "grade_layers",
    "inject",
    "load",
    "load_case",
    "mesh",
    "run_case",
    "si",
    "solve_steady",
    "solve_transient",
    "sweep",
    "to_xarray",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'spinepnp' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"spinepnp.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
