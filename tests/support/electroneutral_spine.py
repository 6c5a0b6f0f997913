"""The electroneutral transient of a ball on a neck, without the project's solvers: a reference for its tests.

One salt, both ions with the same diffusivity D, bulk concentration C at the grounded base; the cap lets I(t) of cations
in, nothing else crosses the wall. Without charge density (facts A6, B6, D2) both concentrations are c = C (1 + w), and

    w_t = D Lap w,   D dn w = I / (2 F C S_cap) on the cap,   w = 0 at the base,
    div((1 + w) grad u) = 0,   2 F D C (1 + w) dn u = I / S_cap on the cap,   u = V / V_T = 0 at the base,

both without flux elsewhere. The anions' flux is zero on the cap: dn c = c dn u there; the cations' is then 2 D dn c.
With D+ = D- the current is 2 F D c grad u, as the diffusion of the two ions carries none.

Only the mesh of the meridian comes from the project. Lagrange elements in space; three-stage Radau IIA (order 5) in
time, with steps that double with the time since the onset; SciPy's LU. Lengths are in micrometres and times in
milliseconds inside, SI outside.

Errors at the head's centre, against elements of degree 4 on a mesh of its own that shrinks to 1e-6 um at the two
singular circles (the rim of the cap and the sharp edge of neck and head), and against modes that are exact in time:
with the defaults every voltage, and so the flux function G, is 1.2e-5 to 1.4e-5 (relative) too low, every concentration
within 4e-6 of that of the bulk; one refinement leaves 4.8e-6 and 1.3e-6. The time steps take part with less than 2e-7.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.sparse.linalg import splu

from spinepnp.geometries import BallNeck
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI, dolfinx, fem, ufl

#: Head and neck radius, length of the neck, rim of the cap, um.
HEAD, NECK, LENGTH, CAP = 0.5, 0.1, 1.0, 0.01

#: Height of the head's centre, um.
CENTRE = LENGTH + math.sqrt(HEAD**2 - NECK**2)

#: Diffusivity of both ions, um^2/ms; bulk concentration, mol/m^3; kT/e, V; C/mol; current, A.
D, C, V_T, F, CURRENT = 0.2, 167.0, 25.26e-3, 96485.33, 50e-12

#: Rate at which CURRENT, half of it by drift and half by diffusion, fills the bulk concentration, um^3/ms.
RATE = CURRENT / (2.0 * F * C) * 1e18 * 1e-3

#: When the alpha function peaks, ms.
PEAK = 10.0

#: What the current is of CURRENT, at times in ms after the onset.
WAVEFORMS: dict[str, Callable[[float], float]] = {
    "step": lambda t: 1.0,
    "alpha": lambda t: t / PEAK * math.exp(1.0 - t / PEAK) if math.isfinite(t) else 0.0,
}

#: Stages of Radau IIA, the eigenvalues of its inverse matrix (one real, a conjugate pair) and their vectors.
_S = math.sqrt(6.0)
STAGES = np.array([(4.0 - _S) / 10.0, (4.0 + _S) / 10.0, 1.0])
MATRIX = np.array(
    [
        [(88.0 - 7.0 * _S) / 360.0, (296.0 - 169.0 * _S) / 1800.0, (-2.0 + 3.0 * _S) / 225.0],
        [(296.0 + 169.0 * _S) / 1800.0, (88.0 + 7.0 * _S) / 360.0, (-2.0 - 3.0 * _S) / 225.0],
        [(16.0 - _S) / 36.0, (16.0 + _S) / 36.0, 1.0 / 9.0],
    ]
)
SHIFTS, VECTORS = np.linalg.eig(np.linalg.inv(MATRIX))
TO_VECTORS = np.linalg.inv(VECTORS)


@dataclass(frozen=True)
class Reference:
    """Times after the onset (s), voltage (V) and concentration of each ion over that of the bulk at one place."""

    times: np.ndarray
    voltage: np.ndarray
    concentration: np.ndarray


class Spine:
    """Mass, stiffness and load on a mesh of the meridian; coordinates r and z in um, on one rank."""

    def __init__(self, mesh: Any, base: np.ndarray, cap: np.ndarray, degree: int) -> None:
        self.mesh, self.space = mesh, fem.functionspace(mesh, ("Lagrange", degree))
        phi, psi = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        self.w = fem.Function(self.space)
        # Curved cells make the integrands rational: some degrees more than straight ones need.
        weight, order = 2.0 * np.pi * ufl.SpatialCoordinate(mesh)[0], 2 * degree + 3
        dx = ufl.Measure("dx", mesh, metadata={"quadrature_degree": order})
        tags = dolfinx.mesh.meshtags(mesh, 1, np.sort(cap), np.ones(len(cap), dtype=np.int32))
        ds = ufl.Measure("ds", mesh, subdomain_data=tags, metadata={"quadrature_degree": order})(1)
        fixed = fem.locate_dofs_topological(self.space, 1, base)
        self.free = np.setdiff1d(np.arange(len(self.w.x.array)), fixed)
        self._conductance = fem.form((1.0 + self.w) * ufl.inner(ufl.grad(phi), ufl.grad(psi)) * weight * dx)
        self.mass = self._matrix(fem.form(phi * psi * weight * dx))
        self.stiffness = self._matrix(self._conductance)  # w is still zero
        load = fem.assemble_vector(fem.form(psi * weight * ds)).array[self.free]
        #: A unit flux, spread evenly over the cap.
        self.load = load / fem.assemble_scalar(fem.form(weight * ds))

    def _matrix(self, form: Any) -> Any:
        return fem.assemble_matrix(form).to_scipy().tocsc()[self.free][:, self.free]

    def at(self, r: float, z: float) -> Callable[[np.ndarray], float]:
        """The value at a point of the function with the given free unknowns."""
        point, found = np.array([[r, z, 0.0]]), fem.Function(self.space)
        tree = dolfinx.geometry.bb_tree(self.mesh, 2, padding=1e-9)
        near = dolfinx.geometry.compute_collisions_points(tree, point)
        cell = dolfinx.geometry.compute_colliding_cells(self.mesh, near, point).links(0)[:1]
        assert len(cell) == 1, f"({r}, {z}) um lies outside the mesh"

        def value(unknowns: np.ndarray) -> float:
            found.x.array[self.free] = unknowns
            return float(found.eval(point, cell)[0])

        return value

    def unit_flux(self) -> np.ndarray:
        """The harmonic function with a unit flux through the cap (G of fact B6), 1/um."""
        return splu(self.stiffness).solve(self.load)

    def potential(self, w: np.ndarray, current: float) -> np.ndarray:
        """Potential over V_T where the concentrations are C (1 + w); the current is over CURRENT."""
        self.w.x.array[self.free] = w
        return splu(self._matrix(self._conductance)).solve(current * RATE / D * self.load)

    def transient(
        self, waveform: Callable[[float], float], times: Sequence[float], *, steps: int, first: float
    ) -> Iterator[np.ndarray]:
        """Concentrations w at times after the onset (ms, rising; the last may be infinite).

        There are as many steps in (0, first], ms, as in every interval from there on in which the time doubles.
        """
        t, w, start, end = 0.0, np.zeros(len(self.free)), 0.0, first
        factors = self._factors(first / steps)
        for time in times:
            if math.isinf(time):
                yield waveform(time) * RATE / D * self.unit_flux()
                continue
            while t + (h := (end - start) / steps) <= time * (1.0 + 1e-12):
                w, t = self._step(waveform, t, w, h, factors), t + h
                if t > end * (1.0 - 1e-9):
                    t, start, end = end, end, 2.0 * end
                    factors = self._factors((end - start) / steps)
            rest = time - t  # one step aside, back on the way for the next
            yield w if rest <= 1e-9 * time else self._step(waveform, t, w, rest, self._factors(rest))

    def _factors(self, h: float) -> list[tuple[int, Any]]:
        """The stages' systems for one step size; of the conjugate pair only one."""
        found: list[tuple[int, Any]] = []
        for k in np.flatnonzero(SHIFTS.imag >= 0.0):
            shift = SHIFTS[k] if SHIFTS[k].imag > 0.0 else SHIFTS[k].real
            found.append((int(k), splu((self.mass * (shift / h) + D * self.stiffness).tocsc())))
        return found

    def _step(
        self, waveform: Callable[[float], float], t: float, w: np.ndarray, h: float, factors: list[tuple[int, Any]]
    ) -> np.ndarray:
        """One step of Radau IIA; its last stage is the result."""
        currents = np.array([waveform(t + c * h) for c in STAGES]) * RATE
        rest, change = D * (self.stiffness @ w), np.zeros(len(w))
        for k, factor in factors:
            right = (TO_VECTORS[k] @ currents) * self.load - TO_VECTORS[k].sum() * rest
            if SHIFTS[k].imag == 0.0:
                change += (VECTORS[2, k] * factor.solve(right.real.copy())).real
            else:
                change += 2.0 * (VECTORS[2, k] * factor.solve(right)).real
        return w + change


@functools.lru_cache(maxsize=1)
def spine() -> Spine:
    """The body on the project's mesh of its meridian."""
    lengths = {"head_radius": HEAD, "neck_radius": NECK, "neck_length": LENGTH, "cap_radius": CAP}
    shape = BallNeck(dimension="axisymmetric", **{name: f"{length} um" for name, length in lengths.items()})
    made = generate(shape, MeshOptions(size="20 nm"), MPI.COMM_SELF)
    return Spine(made.mesh, made.boundary_facets["base"], made.boundary_facets["cap"], degree=2)


def reference(kind: Literal["step", "alpha"], times: Sequence[float], *, steps: int = 4) -> Reference:
    """Voltage and concentration at the head's centre at rising times (s) after the onset of 50 pA.

    Time zero is the moment after the potential has set in, infinity the steady state; each time doubles in `steps`.
    """
    body, waveform, milliseconds = spine(), WAVEFORMS[kind], [1e3 * t for t in times]
    assert all(one < other for one, other in itertools.pairwise(milliseconds))
    value = body.at(0.0, CENTRE)
    first = min((t for t in milliseconds if t > 0.0), default=1.0) / 16.0
    voltage, concentration = [], []
    for t, w in zip(milliseconds, body.transient(waveform, milliseconds, steps=steps, first=first), strict=True):
        voltage.append(V_T * value(body.potential(w, waveform(t))))
        concentration.append(1.0 + value(w))
    return Reference(np.asarray(times, dtype=float), np.array(voltage), np.array(concentration))
