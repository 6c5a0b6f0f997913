"""Integration weights of boundaries, slabs and the volume.

The weights w_a = int phi_a over a patch are assembled once; every mean and every load is then a dot product, on any
number of ranks.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh
from spinepnp.meshes.measures import size_along_z
from spinepnp.runtime.kernels import compile_form
from spinepnp.runtime.stack import MPI, dolfinx, fem, reduced, ufl
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.model.profiles import ChargedRegion, Profile
from spinepnp.units import LENGTH, format_quantity


def _integrals(form: Any) -> np.ndarray:
    """Linear form of each local basis function, ghosts included, summed over the ranks. Collective."""
    vector = fem.assemble_vector(compile_form(form))
    vector.scatter_reverse(dolfinx.la.InsertMode.add)
    vector.scatter_forward()
    return vector.array.copy()


#: Distance of a node from a plane over the height of the domain, below which it lies on the plane.
PLANE_TOLERANCE = 1e-9

#: Additional degree of quadrature of slabs, whose planes may cut cells.
SLAB_DEGREE = 6


class IntegrationWeights:
    """Weight vectors of every named boundary and of the volume, in a scalar Lagrange space.

    Args:
        space: scalar Lagrange space.
        mesh: distributed mesh with named boundaries.
        sides: sides of a line that are boundaries of the problem, see `Geometry.sides`.

    Attributes:
        sides: those of the arguments.
        boundary: w_a of each boundary by name; shape (local degrees of freedom,), ghosts included; um^2.
        area: area of each boundary, um^2.
        volume: w_a of the volume, um^3.
        total_volume: volume of the mesh, um^3.
        exact: volume (m^3, "volume") and areas (m^2, by name) of the exact body, where they are known.
        measure: integration measure of the body.
        owned: number of degrees of freedom that this rank owns.
        comm: MPI communicator.
        mass: mass matrix for fixed charge given at the nodes; ``None`` where slabs are integrated instead.
    """

    def __init__(self, space: fem.FunctionSpace[Any], mesh: SpineMesh, sides: tuple[str, ...] = ()) -> None:
        self._mesh, self._space, self.sides = mesh, space, sides
        self.mass: Any = None
        self.owned = space.dofmap.index_map.size_local
        self.comm = mesh.mesh.comm
        self._slabs: dict[tuple[float, float], np.ndarray] = {}
        self._slab_form: Any = None
        degree = max(2, 2 * space.element.basix_element.degree)
        measure, test = Measure(mesh), ufl.TestFunction(space)
        self.measure, self._test, self._degree = measure, test, degree
        self.boundary = {
            name: _integrals(measure.over_boundary(test, name, degree + 2)) for name in (*mesh.boundary_facets, *sides)
        }
        element_degree = space.element.basix_element.degree
        self._degree_is_one = element_degree == 1
        self.volume = _integrals(measure.over_volume(test, element_degree, curved=degree + 2))
        self.area = {name: self.sum(weights) for name, weights in self.boundary.items()}
        self.total_volume = self.sum(self.volume)

    @cached_property
    def exact(self) -> dict[str, float]:
        """Exact volume and areas of the body, m^3 and m^2; empty where they are not known."""
        geometry = self._mesh.geometry
        return geometry.exact_measures() | {name: geometry.exact_area(name) for name in self.sides}

    def slab(self, region: tuple[float, float], key: str = "region") -> np.ndarray:
        """Weights w_a of the slab between two planes z = const, um^3. Collective at the first call for a slab.

        Args:
            region: heights z of the lower and of the upper plane, m.
            key: key of the case that gives them, for messages.

        Raises:
            CaseError: the slab lies outside of the domain, or is thinner than the cells there; or the mesh is a radial
                line, which has no planes.
        """
        if region not in self._slabs:
            self.check_slab(region, key)
            if self._slab_form is None:
                self._slab_form = self.measure.slab(self._test, self._degree + SLAB_DEGREE)
            form, ends = self._slab_form
            for end, value in zip(ends, region, strict=True):
                end.value = value / MODEL_UNIT
            self._slabs[region] = _integrals(form)
        return self._slabs[region]

    def fixed_charge_density(self, regions: tuple[ChargedRegion, ...]) -> np.ndarray:
        """Fixed charge by region at the local nodes, mol/m^3. Collective.

        For linear elements it is the mean over a node's basis function, so that the total charge is exact on any mesh;
        for others it is the value at the node, and half of it on a plane between two regions.
        """
        density = np.zeros(len(self.volume))
        for charged in regions:
            if self._degree_is_one:
                density += charged.value * self.slab(charged.region) / self.volume
            else:
                density += charged.value * self._inside(charged.region)
        return density

    def fixed_charge(self, regions: tuple[ChargedRegion, ...]) -> np.ndarray:
        """Integrals of the fixed charge by region with the owned basis functions, mol/m^3 um^3. Collective."""
        if self.mass is not None:
            vector = self.mass.createVecRight()
            vector.array[:] = self.fixed_charge_density(regions)[: self.owned]
            total = np.array((self.mass * vector).array_r)
            vector.destroy()
            return total
        total = np.zeros(self.owned)
        for charged in regions:
            total += charged.value * self.slab(charged.region)[: self.owned]
        return total

    def heights(self) -> np.ndarray:
        """Last coordinate of the local nodes, um: z, or r on a radial line."""
        return np.asarray(self._space.tabulate_dof_coordinates()[:, self._mesh.mesh.geometry.dim - 1])

    def share(self, region: tuple[float, float], key: str, charged: tuple[ChargedRegion, ...] = ()) -> np.ndarray:
        """Share of the slab between two planes in each local node, shape (local dofs,): one inside, zero outside.

        The nodes on a plane of the mesh have one share, such that the integral is the volume of the slab, exactly. In
        a mesh without the plane this holds for linear elements, by the mean over the basis function of each node; nodes
        of others are inside or outside. Collective.

        Args:
            region: heights z of the lower and of the upper plane, m.
            key: key of the case that gives them, for messages.
            charged: regions of fixed charge. On their planes shares are those of `fixed_charge_density`, so that what
                is neutral on both sides is neutral there.

        Raises:
            CaseError: see `slab`.
        """
        slab, (heights, bottom, top) = self.slab(region, key), self._extent()
        if self._degree_is_one:
            # Over the volume with the same quadrature, for shares that are exactly one inside.
            share = slab / self.slab((bottom * MODEL_UNIT, (2.0 * top - bottom) * MODEL_UNIT))
        else:
            share = self._inside(region)
        edges = [z for part in charged for z in part.region]
        for z in region:
            if any(abs(z - edge) <= PLANE_TOLERANCE * (top - bottom) * MODEL_UNIT for edge in edges):
                continue
            on_plane = np.flatnonzero(np.abs(heights - z / MODEL_UNIT) <= PLANE_TOLERANCE * (top - bottom))
            owned = on_plane[on_plane < self.owned]
            inside, whole = reduced(self.comm, np.array([slab[owned].sum(), self.volume[owned].sum()]), MPI.SUM)
            if 0.0 <= inside <= whole > 0.0:  # else the plane has single nodes, whose quadratic functions may cancel
                share[on_plane] = inside / whole
        return share

    def at_nodes(self, profile: Profile) -> np.ndarray:
        """Values of a profile at the local nodes: on a plane the mean of both sides, on an end the inner one."""
        if not profile.planes:
            return np.full(len(self.volume), profile.values[0])
        heights, bottom, top = self._extent()
        near = PLANE_TOLERANCE * (top - bottom)
        below, above = (np.clip(heights + side, bottom + near, top - near) for side in (-near, near))
        return np.asarray(0.5 * (profile.at(below * MODEL_UNIT) + profile.at(above * MODEL_UNIT)))

    def _extent(self) -> tuple[np.ndarray, float, float]:
        """Heights of the local nodes, and those of the lowest and highest node of all ranks, um. Collective."""
        heights = self.heights()
        bottom = self.comm.allreduce(float(heights.min(initial=np.inf)), op=MPI.MIN)
        top = self.comm.allreduce(float(heights.max(initial=-np.inf)), op=MPI.MAX)
        return heights, bottom, top

    def _inside(self, region: tuple[float, float]) -> np.ndarray:
        """Indicator at the local nodes: one inside of a region, one half on its planes within the domain, else zero."""
        heights, bottom, top = self._extent()
        low, high = (z / MODEL_UNIT for z in region)
        near = PLANE_TOLERANCE * (top - bottom)
        inside = ((heights > low - near) & (heights < high + near)).astype(float)
        for end in (low, high):
            if bottom + near < end < top - near:
                inside[np.abs(heights - end) <= near] *= 0.5
        return inside

    def check_slab(self, region: tuple[float, float], key: str) -> None:
        """Refuse a slab between two planes z = const, m, that the mesh cannot have. Collective.

        Raises:
            CaseError: see `slab`.
        """
        shown = f"[{', '.join(format_quantity(z, LENGTH) for z in region)}]"
        if self._mesh.geometry.dimension == "1d" and self._mesh.geometry.radial:
            raise CaseError(key, "a line along the radius has no planes z = const; use another dimension", shown)
        low, high = (z / MODEL_UNIT for z in region)
        heights = self._mesh.mesh.geometry.x[:, self._mesh.mesh.geometry.dim - 1]
        bottom = self.comm.allreduce(float(heights.min(initial=np.inf)), op=MPI.MIN)
        top = self.comm.allreduce(float(heights.max(initial=-np.inf)), op=MPI.MAX)
        inside = min(high, top) - max(low, bottom)
        if inside <= 0.0:
            raise CaseError(key, "lies outside of the domain; move it inside", shown)
        middle = 0.5 * (min(high, top) + max(low, bottom))
        size = max(size_along_z(self._mesh, z) for z in (low, middle, high))
        if inside < size:
            raise CaseError(
                key,
                f"is thinner than the cells there ({format_quantity(float(f'{size * MODEL_UNIT:.3g}'), LENGTH)}); "
                "make mesh.size smaller, or the region thicker",
                shown,
            )

    def sum(self, values: np.ndarray) -> float:
        """Sum over all owned degrees of freedom of all ranks. Collective."""
        return float(self.comm.allreduce(float(np.sum(values[: self.owned])), op=MPI.SUM))

    def integral(self, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Integrals (functions,) of functions by weights (n,) and nodal values (n, functions). Collective."""
        return reduced(self.comm, weights[: self.owned] @ values[: self.owned], MPI.SUM)


def minimum(comm: MPI.Comm, values: np.ndarray) -> np.ndarray:
    """Smallest value of each column over all ranks. Collective."""
    local = values.min(axis=0) if len(values) else np.full(values.shape[1], np.inf)
    return reduced(comm, np.ascontiguousarray(local), MPI.MIN)
