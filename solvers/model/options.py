"""Solver options: the [solver] table, and the PETSc options that a case file may set.

PETSc has options that write or read any file (`*_view`, `*_monitor` with a value, `options_file`) and some that run
code (`*_python_type`, shared libraries). A case file may come from somebody else, so it can set only what is listed
here: types of solvers that are built in, tolerances, counts, switches. The command line and PETSC_OPTIONS are the
user's own, and may set everything.
"""

from __future__ import annotations

import difflib
import math
import re
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from spinepnp.errors import nearest
from spinepnp.units import Number, Table, Whole

#: Value of a PETSc option, as TOML reads it.
Value = str | int | float | bool

#: PETSc options that have a key of their own in [solver].
OPTIONS_WITH_KEYS = {
    "snes_max_it": "max_newton",
    "snes_atol": "tolerance",
    "snes_rtol": "tolerance",
    "snes_stol": "tolerance",
}


class SolverOptions(Table):
    """Nonlinear and linear solver.

    Examples:
        >>> from spinepnp.solvers import SolverOptions
        >>> options = SolverOptions(linear="block", petsc={"ksp_rtol": 1e-8})
        >>> options.formulation, options.tolerance
        ('auto', 1e-10)

    Attributes:
        linear: "direct" is monolithic MUMPS; "block" is GMRES with a V-cycle of multigrid for each unknown,
            linear in time and memory; "auto" takes "block" from 6 000 unknowns in 3D and 30 000 in a meridian, and
            "direct" where it fails.
        formulation: unknowns of the species: "density"; "log" (logarithms: positive by construction); "nodal"
            (logarithms with charges from the densities at the nodes and, for linear elements, fluxes along the edges:
            right at fixed and surface charges and in strong fields on any mesh); "auto" takes "density" where the
            potential changes by less than about V_T/2 within a cell, and "nodal" elsewhere, if all concentrations are
            positive.
        continuation: continuation where Newton fails from its initial guess: "data" raises the boundary data from the
            bulk state, "debye" shrinks the Debye length to its value, "none" gives up; "auto" takes "data" for a
            neutral bulk.
        tolerance: residual at which Newton stops, over that of the bulk state.
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
    petsc: dict[str, Value] = Field(default_factory=dict)

    @field_validator("petsc")
    @classmethod
    def _harmless(cls, petsc: dict[str, Value]) -> dict[str, Value]:
        for name, value in petsc.items():
            key = OPTIONS_WITH_KEYS.get(name)
            why = f"{name} is set by solver.{key}; use that key" if key else refusal(name, value)
            if why:
                raise PydanticCustomError("wrong_entry", "{why}", {"key": name, "why": why})
        return petsc


#: Prefixes of nested solvers: the blocks of the preconditioner, the factorisation within a border, levels of multigrid,
#: estimates of eigenvalues, subdomains, and a coarse solve that each rank repeats.
_PREFIX = re.compile(
    r"species_|potential_|conduction_|border_|mg_levels_(?:[0-9]{1,2}_)?|mg_coarse_|mg_fine_|esteig_|sub_|redundant_"
)

#: Kind of a value: a whole number. Kinds are worded for messages.
_COUNT = "a whole number"

#: Kind of a value: a finite number.
_NUMBER = "a number"

#: Kind of a value: several numbers.
_NUMBERS = "numbers, separated by commas"

#: Kind of a value: a switch.
_FLAG = "true or false"

#: Kind of a value: none, for monitors that print to the screen; a value would name a file.
_NOTHING = '""'

#: Packages of sparse factorisations.
_SOLVERS = "petsc mumps superlu superlu_dist umfpack klu cholmod spqr mkl_pardiso mkl_cpardiso strumpack pastix"

#: Orderings of unknowns in factorisations.
_ORDERINGS = "natural nd 1wd rcm qmd rowlength amd metisnd"

#: Options whose value is one of several words.
_WORDS = {
    "snes_type": "newtonls newtontr ksponly nrichardson ngmres anderson qn ncg",
    "snes_linesearch_type": "basic bt l2 secant cp nleqerr bisection none",
    "snes_norm_schedule": "none always initialonly finalonly initialfinalonly",
    "ksp_type": "richardson chebyshev cg cgs cgne cr fcg gmres fgmres lgmres dgmres pgmres gcr bcgs fbcgs fbcgsr bcgsl "
    "ibcgs bicg tfqmr tcqmr qmrcgs minres symmlq lsqr cgls pipecg pipecr pipebcgs pipefgmres pipegcr groppcg none "
    "preonly",
    "ksp_norm_type": "none preconditioned unpreconditioned natural default",
    "ksp_pc_side": "left right symmetric",
    "ksp_gmres_cgs_refinement_type": "refine_never refine_ifneeded refine_always",
    "ksp_chebyshev_kind": "first fourth opt_fourth",
    "pc_type": "none jacobi pbjacobi vpbjacobi bjacobi sor ilu lu cholesky svd asm gasm gamg mg hypre "
    "kaczmarz redundant",
    "pc_factor_mat_solver_type": _SOLVERS,
    "pc_factor_mat_ordering_type": _ORDERINGS,
    "pc_factor_shift_type": "none nonzero positive_definite inblocks",
    "pc_asm_type": "basic restrict interpolate none",
    "pc_asm_local_type": "additive multiplicative",
    "pc_gasm_type": "basic restrict interpolate none",
    "pc_jacobi_type": "diagonal rowl1 rowmax rowsum",
    "pc_mg_type": "additive multiplicative full kaskade",
    "pc_mg_cycle_type": "v w",
    "pc_mg_galerkin": "both pmat mat none external",
    "pc_gamg_type": "agg classical",
    "pc_gamg_classical_type": "direct standard",
    "pc_gamg_coarse_grid_layout_type": "compact spread",
    "pc_hypre_type": "boomeramg",
    "pc_hypre_boomeramg_cycle_type": "v w",
    "pc_hypre_boomeramg_coarsen_type": "cljp ruge-stueben modifiedruge-stueben falgout pmis hmis",
    "pc_hypre_boomeramg_interp_type": "classical direct multipass multipass-wts ext+i ext+i-cc standard standard-wts "
    "block block-wtd ff ff1 ext ad-wts ext-mm ext+i-mm ext+e-mm",
}  # fmt: skip

#: Other options, by the kind of their value.
_OTHERS = {
    _COUNT: "snes_lag_jacobian snes_lag_preconditioner snes_max_fail snes_max_funcs snes_max_linear_solve_fail "
    "snes_linesearch_max_it snes_linesearch_order snes_anderson_m snes_ngmres_m snes_qn_m "
    "ksp_max_it ksp_min_it ksp_check_norm_iteration ksp_gmres_restart ksp_gcr_restart ksp_lgmres_augment "
    "ksp_bcgsl_ell ksp_chebyshev_esteig_steps ksp_fcg_mmax ksp_ew_version "
    "pc_factor_levels pc_sor_its pc_sor_lits pc_asm_overlap pc_asm_blocks pc_bjacobi_blocks pc_gasm_overlap "
    "pc_gasm_total_subdomains pc_redundant_number pc_mg_multiplicative_cycles "
    "pc_gamg_agg_nsmooths pc_gamg_aggressive_coarsening pc_gamg_aggressive_mis_k pc_gamg_square_graph "
    "pc_gamg_coarse_eq_limit pc_gamg_process_eq_limit pc_gamg_classical_nsmooths "
    "pc_hypre_boomeramg_max_levels pc_hypre_boomeramg_max_iter pc_hypre_boomeramg_agg_nl "
    "pc_hypre_boomeramg_agg_num_paths pc_hypre_boomeramg_P_max pc_hypre_boomeramg_grid_sweeps_all "
    # Of MUMPS neither 1 to 3 (numbers of output files) nor 22 (factors on the disk).
    "mat_mumps_icntl_4 mat_mumps_icntl_6 mat_mumps_icntl_7 mat_mumps_icntl_8 mat_mumps_icntl_10 mat_mumps_icntl_11 "
    "mat_mumps_icntl_12 mat_mumps_icntl_13 mat_mumps_icntl_14 mat_mumps_icntl_15 mat_mumps_icntl_23 mat_mumps_icntl_24 "
    "mat_mumps_icntl_27 mat_mumps_icntl_28 mat_mumps_icntl_29 mat_mumps_icntl_35 mat_mumps_icntl_36 mat_mumps_icntl_37 "
    "mat_mumps_icntl_38 mat_mumps_icntl_48 mat_mumps_icntl_49 mat_mumps_icntl_58",
    _NUMBER: "snes_divergence_tolerance snes_linesearch_damping snes_linesearch_minlambda snes_linesearch_maxlambda "
    "snes_linesearch_alpha snes_linesearch_rtol snes_linesearch_atol snes_linesearch_ltol "
    "snes_tr_delta0 snes_tr_deltamin snes_tr_deltamax snes_tr_eta1 snes_tr_eta2 snes_tr_eta3 snes_tr_t1 snes_tr_t2 "
    "snes_anderson_beta "
    "ksp_rtol ksp_atol ksp_divtol ksp_gmres_haptol ksp_gmres_breakdown_tolerance ksp_richardson_scale "
    "ksp_ew_rtol0 ksp_ew_rtolmax ksp_ew_gamma ksp_ew_alpha ksp_ew_alpha2 ksp_ew_threshold "
    "pc_factor_fill pc_factor_shift_amount pc_factor_zeropivot pc_factor_column_pivot pc_sor_omega "
    "pc_sor_diagonal_shift pc_kaczmarz_lambda pc_svd_zero_sing "
    "pc_gamg_threshold_scale pc_gamg_classical_interp_threshold "
    "pc_hypre_boomeramg_tol pc_hypre_boomeramg_strong_threshold pc_hypre_boomeramg_truncfactor "
    "pc_hypre_boomeramg_max_row_sum pc_hypre_boomeramg_relax_weight_all "
    "mat_mumps_cntl_1 mat_mumps_cntl_2 mat_mumps_cntl_3 mat_mumps_cntl_4 mat_mumps_cntl_5 mat_mumps_cntl_7",
    _NUMBERS: "ksp_chebyshev_eigenvalues ksp_chebyshev_esteig pc_gamg_threshold pc_gamg_rank_reduction_factors",
    _FLAG: "snes_ksp_ew snes_lag_jacobian_persists snes_lag_preconditioner_persists snes_force_iteration "
    "snes_error_if_not_converged snes_check_jacobian_domain_error snes_linesearch_keeplambda snes_linesearch_norms "
    "ksp_initial_guess_nonzero ksp_error_if_not_converged ksp_gmres_modifiedgramschmidt "
    "ksp_gmres_classicalgramschmidt ksp_gmres_preallocate ksp_lgmres_constant ksp_richardson_self_scale "
    "ksp_chebyshev_esteig_noisy ksp_bcgsl_cxpoly ksp_lag_norm ksp_diagonal_scale ksp_diagonal_scale_fix ksp_knoll "
    "ksp_converged_use_initial_residual_norm ksp_converged_maxits "
    "ksp_reuse_preconditioner ksp_cg_single_reduction "
    "pc_use_amat pc_factor_reuse_fill pc_factor_reuse_ordering pc_factor_diagonal_fill "
    "pc_factor_pivot_in_blocks pc_sor_symmetric pc_sor_backward pc_sor_forward pc_sor_local_symmetric "
    "pc_sor_local_backward pc_sor_local_forward pc_kaczmarz_symmetric "
    "pc_jacobi_abs pc_jacobi_fixdiagonal pc_mg_distinct_smoothup "
    "pc_gamg_reuse_interpolation pc_gamg_repartition pc_gamg_asm_use_agg pc_gamg_asm_hem_aggs "
    "pc_gamg_aggressive_square_graph pc_gamg_mis_k_minimum_degree_ordering pc_gamg_low_memory_threshold_filter "
    "pc_gamg_graph_symmetrize pc_gamg_recompute_esteig pc_gamg_use_sa_esteig pc_gamg_parallel_coarse_grid_solver "
    "pc_gamg_cpu_pin_coarse_grids",
    # They print to the screen as long as their value names no file.
    _NOTHING: "snes_monitor snes_monitor_short snes_linesearch_monitor snes_converged_reason "
    "ksp_monitor ksp_monitor_short ksp_monitor_true_residual ksp_monitor_singular_value ksp_converged_reason "
    "ksp_converged_rate",
}  # fmt: skip

#: Values of each option: a kind, or the words it takes.
ALLOWED: dict[str, str | tuple[str, ...]] = {
    **{name: tuple(words.split()) for name, words in _WORDS.items()},
    **{name: kind for kind, names in _OTHERS.items() for name in names.split()},
}

#: Text of a whole number.
_WHOLE_TEXT = r"[+-]?[0-9]{1,18}"

#: Text of a number.
_NUMBER_TEXT = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"


def base_of(name: str) -> str:
    """Name of an option without the prefixes of nested solvers."""
    while (prefix := _PREFIX.match(name)) is not None:
        name = name[prefix.end() :]
    return name


def is_allowed(name: str, value: Value) -> bool:
    """Whether a case file may set an option, by its name without the leading dash, to a value."""
    takes = ALLOWED.get(base_of(name))
    return takes is not None and (value in takes if isinstance(takes, tuple) else _fits(takes, value))


def refusal(name: str, value: Value) -> str:
    """Reason why a case file may not set an option to a value; empty if it may."""
    if is_allowed(name, value):
        return ""
    takes = ALLOWED.get(base_of(name))
    if isinstance(takes, tuple):
        return f"no such word that a case file may set; {nearest(str(value), takes)}"
    if takes is not None:
        return f"must be {takes} in a case file"
    near = difflib.get_close_matches(name, ALLOWED, n=1, cutoff=0.8)
    question = f'did you mean "{near[0]}"? ' if near else ""
    return f"{question}no option that a case file may set; where it is meant, use the command line: run CASE -{name}"


def _fits(kind: str, value: Value) -> bool:
    if kind == _NOTHING:
        return value == "" and isinstance(value, str)
    if kind == _FLAG:
        return isinstance(value, bool) or value in ("", "true", "false", "yes", "no", "1", "0", 0, 1)
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        one = _WHOLE_TEXT if kind == _COUNT else _NUMBER_TEXT
        return bool(re.fullmatch(f"{one}(?:,{one})*" if kind == _NUMBERS else one, value))
    return isinstance(value, int) or (kind != _COUNT and math.isfinite(value))
