"""Problems of the Krylov table: one parameter varied at a time, around a cylinder with 100 pA into 167 mM of salt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from spinepnp.geometries import Ball, BallNeck, Cylinder, Hyperboloid
from spinepnp.meshes import GradeOptions, MeshOptions, SpineMesh, generate
from spinepnp.solvers import Boundary, Closed, Electrolyte

#: Debye length of the salt, um.
LAMBDA = 7.35e-4

#: Concentration of the salt, mM.
SALT = 167.0

#: Limiting current of two such species in the cylinder, pA.
LIMIT = -50.62

#: Geometries by the name that a problem has for them.
SHAPES: dict[str, Callable[[], Any]] = {
    "cylinder": lambda: Cylinder(radius="50 nm", length="1 um"),
    "cylinder, meridian": lambda: Cylinder(radius="100 nm", length="1 um", dimension="axisymmetric"),
    "ball_neck": lambda: BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm"),
    "hyperboloid": lambda: Hyperboloid(a="50 nm", c="100 nm", half_length="500 nm"),
    "ball": lambda: Ball(radius="500 nm"),
}

#: Boundary that is grounded and holds the bulk concentrations.
GROUND = {"potential": "0 mV", "concentrations": "bulk"}

#: Two species: name, valence, diffusivity (um^2/s), concentration over the common one.
BINARY = (("C", 1, 200, 1.0), ("A", -1, 200, 1.0))

#: Five species of a cytosol.
FIVE = (("Na", 1, 1333, 100 / SALT), ("K", 1, 2000, 40 / SALT), ("Ca", 2, 200, 5 / SALT), ("Cl", -1, 2000, 100 / SALT),
        ("A", -1, 200, 50 / SALT))  # fmt: skip

#: Magnesium and slow buffers beside the ions of a cytosol.
EIGHT = (*FIVE[:3], ("Mg", 2, 700, 1 / SALT), ("B", -2, 100, 2 / SALT), ("H", 1, 9300, 1 / SALT),
         ("Cl", -1, 2000, 99 / SALT), ("A", -1, 200, 50 / SALT))  # fmt: skip

#: Further buffers, large and small.
TWELVE = (*EIGHT[:6], ("P", -3, 60, 1 / SALT), ("ATP", -4, 400, 1 / SALT), ("HCO3", -1, 1180, 10 / SALT),
          ("L", 1, 600, 10 / SALT), ("Cl", -1, 2000, 92 / SALT), ("A", -1, 200, 50 / SALT))  # fmt: skip


def electrolyte(species: tuple[Any, ...] = BINARY, concentration: float = SALT, **keys: Any) -> Electrolyte:
    """Electrolyte from name, valence, diffusivity (um^2/s) and concentration of each species over a common one (mM)."""
    ions = [
        {"name": n, "valence": z, "diffusivity": f"{d} um^2/s", "concentration": f"{c * concentration!r} mM"}
        for n, z, d, c in species
    ]
    return Electrolyte(thermal_voltage="25.26 mV", species=ions, **keys)


def current(value: float, species: str = "C") -> dict[str, Any]:
    """Keys of a boundary with a current in pA."""
    return {"current": {"species": species, "value": f"{value!r} pA"}}


@dataclass(frozen=True)
class Problem:
    """One row of the table.

    Attributes:
        name: parameter that differs from the base problem.
        electrolyte: electrolyte of the problem.
        boundaries: keys of the boundary conditions, by boundary.
        shape: name of the geometry in `SHAPES`.
        mesh: options of the mesh besides the size.
        closed: amounts of species that no boundary holds.
        formulation: formulation of the unknowns.
    """

    name: str
    electrolyte: Electrolyte = field(default_factory=electrolyte)
    boundaries: dict[str, Any] = field(default_factory=lambda: {"base": GROUND, "top": current(100.0)})
    shape: str = "cylinder"
    mesh: dict[str, Any] = field(default_factory=dict)
    closed: Closed | None = None
    formulation: str = "density"

    def conditions(self) -> dict[str, Boundary]:
        """Boundary conditions for the solver."""
        return {name: Boundary(**keys) for name, keys in self.boundaries.items()}

    def make_mesh(self, size: str, degree: int, comm: Any) -> SpineMesh:
        """Mesh of the problem; an empty size means the default size."""
        options = {"element_degree": degree, **({"size": size} if size else {}), **self.mesh}
        return generate(SHAPES[self.shape](), MeshOptions(**options), comm)


def _with_debye_length(ratio: float) -> Problem:
    """Problem with a ratio of Debye length to length (1 um), by permittivity where it is small, else by dilution."""
    if ratio < 1e-3:
        return Problem(f"lambda/L {ratio:g}", electrolyte(permittivity=80.0 * (ratio / LAMBDA) ** 2))
    dilution = (LAMBDA / ratio) ** 2
    top = current(100.0 * dilution)
    return Problem(f"lambda/L {ratio:g}", electrolyte(concentration=SALT * dilution), {"base": GROUND, "top": top})


def problems() -> list[Problem]:
    """All problems of the table."""
    wall_charge = {"base": GROUND, "top": current(50.0), "wall": {"surface_charge": "-0.01 C/m^2"}}
    membrane = {"capacitance": {"value": "1 uF/cm^2", "outside": "-70 mV"}}
    three = (("Na", 1, 1333, 12 / SALT), ("K", 1, 2000, 155 / SALT), ("A", -1, 200, 1.0))
    four = (*FIVE[:3], ("A", -1, 200, 150 / SALT))
    by_species = {"3 species": three, "4 species": four, "5 species": FIVE, "8 species": EIGHT, "12 species": TWELVE}
    sodium = {"base": GROUND, "top": current(100.0, "Na")}
    junction = {"potential": "floating", "concentrations": {"C": "15 mM", "A": "15 mM"}}
    ions = electrolyte((("C", 1, 200, 1.0), ("A", -1, 200, 0.2)), 1.0, neutral=False)
    amounts = Closed(amounts={"C": "5000 ions", "A": "1000 ions"})
    cap = {"base": GROUND, "cap": current(50.0)}
    layer = {"grade": {"top": GradeOptions(size="0.1 nm", growth=1.4)}}
    return [
        Problem("1 pA", boundaries={"base": GROUND, "top": current(1.0)}),
        Problem("100 pA"),
        Problem("1000 pA", boundaries={"base": GROUND, "top": current(1000.0)}),
        Problem("-50 % of the limit", boundaries={"base": GROUND, "top": current(0.5 * LIMIT)}),
        Problem("-95 % of the limit", boundaries={"base": GROUND, "top": current(0.95 * LIMIT)}),
        *(_with_debye_length(ratio) for ratio in (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3)),
        *(Problem(name, electrolyte(species), sodium) for name, species in by_species.items()),
        Problem("5 species, Ca flows", electrolyte(FIVE), {"base": GROUND, "top": current(50.0, "Ca")}),
        Problem("surface charge", boundaries=wall_charge),
        Problem("membrane capacitor", boundaries={"base": GROUND, "top": current(50.0), "wall": membrane}),
        Problem("100 mV", boundaries={"base": GROUND, "top": {**GROUND, "potential": "100 mV"}}),
        Problem(
            "floating, liquid junction",
            electrolyte((("C", 1, 200, 150 / SALT), ("A", -1, 100, 150 / SALT))),
            {"base": GROUND, "top": junction},
        ),
        Problem("logarithms", formulation="log"),
        Problem("layer of 0.1 nm", mesh=layer),
        Problem("spine", boundaries=cap, shape="ball_neck"),
        Problem("spine, membrane", boundaries={**cap, "wall": membrane}, shape="ball_neck"),
        Problem("throat", shape="hyperboloid"),
        Problem("closed ball", ions, {}, "ball", closed=amounts),
        Problem("closed ball, logarithms", ions, {}, "ball", closed=amounts, formulation="log"),
        *living_problems(),
    ]


def living_problems() -> list[Problem]:
    """Spines with mechanisms: leak, pump and channels, a synapse, a load; weak and strong ones."""
    cytosol = electrolyte((("K", 1, 1960, 96.832537), ("Na", 1, 1330, 23.582), ("Cl", -1, 2030, 10.414537),
                           ("A", -1, 200, 110.0)), 1.0)  # fmt: skip
    base = {"concentrations": "bulk", "load": {"resistance": "200 MOhm", "rest": "-68 mV"}}
    grounded = {"potential": "-68 mV", "concentrations": "bulk"}
    return [
        Problem(name, cytosol, {"base": end, **_membrane(strength, synapse)}, "ball_neck")
        for name, end, strength, synapse in (
            ("spine, leak, pump and channels", grounded, 1.0, 0.0),
            ("spine, leak, pump and channels, times 1000", grounded, 1e3, 0.0),
            ("spine, synapse of 1 nS", grounded, 1.0, 1.0),
            ("spine, synapse of 1 nS, load", base, 1.0, 1.0),
            ("spine, synapse of 100 nS, load", base, 1.0, 100.0),
        )
    ]


def _membrane(strength: float, synapse: float) -> dict[str, Any]:
    """Keys of wall and cap of a spine.

    Args:
        strength: factor of the conductances and permeabilities of the wall.
        synapse: conductance of the synapse on the cap, nS.
    """
    outside = {"concentrations": {"K": "3.167463 mM", "Na": "131.418 mM", "Cl": "134.585463 mM"}}
    permeability = {"K": 2e-8, "Na": 1e-9, "Cl": 4e-9}
    leak = {name: f"{strength * P!r} m/s" for name, P in permeability.items()}
    gates = {"kinetics": "rtm_n", "power": 4}
    wall = [
        {"name": "leak", "law": "ghk", "permeability": leak},
        {"name": "pump", "law": "pump", "kind": "nak", "maximum": f"{7.22457 * strength!r} uA/cm^2"},
        {"name": "Kv", "law": "ohmic", "species": "K", "conductance": f"{20.0 * strength!r} mS/cm^2", "gates": gates},
    ]
    ampa = {"name": "AMPA", "law": "ghk", "permeability": {"Na": 1, "K": 1}, "conductance": f"{synapse!r} nS"}
    capacitor = {"capacitance": {"value": "1 uF/cm^2"}, "outside": outside}
    return {"wall": {**capacitor, "mechanism": wall}, "cap": {**capacitor, "mechanism": [ampa]}}
