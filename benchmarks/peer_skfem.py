"""The neck of `buffered_neck` in scikit-fem, as SMART poses it: all species together by Newton's method.

python -m benchmarks.peer_skfem JSON       prints one line of JSON

SMART (Spatial Modeling Algorithms for Reactions and Transport, J. Open Source Softw. 8 (2023) 5580) has linear elements
and backward Euler on legacy FEniCS, which does not install here. These are its equations by quadratic elements and an
implicit Runge-Kutta method of the second order (Alexander 1977, two stages, L-stable).
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import skfem
from scipy.sparse import bmat, coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

from benchmarks import buffered_neck as neck

#: Coefficient of the method, g = 1 - 1/sqrt(2): stages at g h and h, of weights 1 - g and g.
G = 1.0 - 0.5**0.5

#: Growth of the steps after the last listed time, toward the steady state.
GROWTH = 1.2

#: Newton's method ends at this change, relative to the bulk or what is there.
CONVERGED = 1e-11


class Neck:
    """Discrete equations M dc/dt = F(c) of the three species, with values at the base that do not change.

    Args:
        mobile: whether the buffer diffuses.
        current: current of calcium, fA.
        cells: number of cells.
    """

    def __init__(self, mobile: bool, current: float, cells: int) -> None:
        mesh = skfem.MeshLine(np.linspace(0.0, 1.0, cells + 1))  # um, ms, mM
        basis = skfem.Basis(mesh, skfem.ElementLineP2(), intorder=6)
        self.N, nodes = basis.N, basis.doflocs[0]
        mass = skfem.BilinearForm(lambda u, v, w: u * v).assemble(basis)
        stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
        dofs, points = basis.element_dofs, basis.dx.shape[1]
        values = np.array([np.broadcast_to(basis.basis[k][0].value, basis.dx.shape) for k in range(len(dofs))])
        rows = np.broadcast_to(np.arange(basis.dx.size).reshape(basis.dx.shape), values.shape)
        columns = np.broadcast_to(dofs[:, :, None], (*dofs.shape, points))
        shape = (basis.dx.size, self.N)
        self.at_points = coo_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
        self.tested = (self.at_points.T @ diags(basis.dx.ravel())).tocsr()
        D = np.array([neck.CALCIUM, *[neck.BUFFER if mobile else 0.0] * 2]) * 1e9
        self.mass = bmat([[mass if i == j else None for j in range(3)] for i in range(3)]).tocsc()
        self.diffusion = bmat([[D[i] * stiffness if i == j else None for j in range(3)] for i in range(3)]).tocsc()
        self.base, self.head = int(np.argmin(nodes)), int(np.argmax(nodes))
        self.middle = int(np.argmin(np.abs(nodes - 0.5)))
        self.load = np.zeros(3 * self.N)
        flux = 1e-15 * current / (2.0 * neck.FARADAY * np.pi * neck.RADIUS**2)
        self.load[self.head] = 1e3 * flux  # mM um/ms
        self.free = np.ones(3 * self.N)
        self.free[[self.base + k * self.N for k in range(3 if mobile else 1)]] = 0.0
        self.scale = np.repeat(neck.BULK, self.N)

    def right(self, c: np.ndarray) -> tuple[np.ndarray, csc_matrix]:
        """F(c) and its Jacobian."""
        Ca, B, CaB = (self.at_points @ part for part in c.reshape(3, self.N))
        on, off = 1e-3 * neck.FORWARD, 1e-3 * neck.BACKWARD
        rate = self.tested @ (on * Ca * B - off * CaB)
        slopes = [self.tested @ diags(s) @ self.at_points for s in (on * B, on * Ca, np.full_like(Ca, -off))]
        J = bmat([[sign * slope for slope in slopes] for sign in (-1.0, -1.0, 1.0)]) - self.diffusion
        return np.concatenate([-rate, -rate, rate]) - self.diffusion @ c + self.load, J.tocsc()

    def stage(self, known: np.ndarray, guess: np.ndarray, step: float) -> np.ndarray:
        """Solution of M (c - known) = g h F(c) by Newton's method, with the base as it is."""
        c, keep = guess.copy(), diags(self.free)
        for _ in range(30):
            F, J = self.right(c)
            matrix = keep @ (self.mass - G * step * J) + diags(1.0 - self.free)
            change = splu(matrix.tocsc()).solve(self.free * (self.mass @ (c - known) - G * step * F))
            c -= change
            if np.max(np.abs(change) / np.maximum(np.abs(c), self.scale)) < CONVERGED:
                return c
        raise ArithmeticError("Newton's method does not converge")

    def step(self, c: np.ndarray, step: float) -> np.ndarray:
        """State after a step."""
        first = self.stage(c, c, step)
        # The first stage gives g h F/M; the second one starts from what the weights take of it.
        return self.stage(c + (1.0 - G) / G * (first - c), first, step)


def run(mobile: bool, current: float, cells: int, steps: int) -> dict[str, object]:
    """Row of a run.

    Args:
        mobile: whether the buffer diffuses.
        current: current of calcium, fA.
        cells: number of cells of the neck.
        steps: number of steps between two listed times; those of the first interval grow from its start.
    """
    tube, c = Neck(mobile, current, cells), np.repeat(neck.BULK, 2 * cells + 1)
    found: dict[str, list[float]] = {"head_uM": [], "middle_uM": [], "bound_uM": []}
    start, now, length = time.process_time(), 0.0, 0.0

    def keep() -> None:
        for name, place in (("head_uM", tube.head), ("middle_uM", tube.middle), ("bound_uM", 2 * tube.N + tube.head)):
            found[name].append(float(1e3 * c[place]))

    for until in neck.TIMES:
        ends = now + (until - now) * np.linspace(0.0, 1.0, steps + 1) ** (2 if now == 0.0 else 1)
        for length in np.diff(ends):
            c = tube.step(c, length)
        now = until
        keep()
    while now < neck.steady(mobile):
        length *= GROWTH
        c, now = tube.step(c, length), now + length
    keep()
    return {"version": skfem.__version__, "cells": cells, "steps": steps, "run_s": time.process_time() - start, **found}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given.pop("threads", None)
    print(json.dumps(run(**given)))
