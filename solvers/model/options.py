"""The [solver] table of a case file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from spinepnp.solvers.model.petsc_allowlist import refusal
from spinepnp.units import Number, Table, Whole

#: PETSc options that keys of our own stand for.
OURS = {"snes_max_it": "max_newton", "snes_atol": "tolerance", "snes_rtol": "tolerance", "snes_stol": "tolerance"}


class SolverOptions(Table):
    """How to solve.

    Attributes:
        linear: "direct" is monolithic MUMPS; "block" is GMRES with a V-cycle of multigrid for each unknown,
            linear in time and memory; "auto" takes the second from 6 000 unknowns in 3D and 30 000 in a meridian, and
            the first where it fails.
        formulation: unknowns of the species: "density"; "log" (logarithms: positive by construction); "nodal"
            (logarithms with charges from the densities at the nodes and, for linear elements, fluxes along the edges:
            right at fixed and surface charges and in strong fields on any mesh); "auto" takes "density" where the
            potential changes by less than about V_T/2 within a cell, and "nodal" elsewhere, if all concentrations are
            positive.
        continuation: what Newton does where it fails from its start: "data" raises what is imposed from the bulk
            state, "debye" shrinks the Debye length to its value, "none" gives up; "auto" takes "data" for a neutral
            bulk.
        tolerance: Newton stops when the residual is this fraction of that of the bulk state.
        max_newton: largest number of Newton steps.
        petsc: PETSc options of the nonlinear and linear solver, without the leading dash: types of solvers, tolerances,
            counts, switches; none that can write files or run code. Those of the command line and of the environment
            variable PETSC_OPTIONS win, and may be any.
    """

    linear: Literal["auto", "direct", "block"] = "auto"
    formulation: Literal["auto", "density", "log", "nodal"] = "auto"
    continuation: Literal["auto", "data", "debye", "none"] = "auto"
    tolerance: Number = Field(default=1e-10, gt=0.0, lt=1e-2)
    max_newton: Whole = Field(default=30, ge=1, le=1000)
    petsc: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("petsc")
    @classmethod
    def _harmless(cls, petsc: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        for name, value in petsc.items():
            ours = OURS.get(name)
            why = f"{name} is set by solver.{ours}; use that key" if ours else refusal(name, value)
            if why:
                raise PydanticCustomError("wrong_entry", "{why}", {"key": name, "why": why})
        return petsc
