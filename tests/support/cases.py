"""Boundaries, meshes, shapes and case data that tests share."""

import tomli_w

from spinepnp.geometries import BallNeck, Cylinder, ImportedSurface
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary
from support import CASES
from support.ions import ion

MS, NM = 1e-3, 1e-9

GROUND = Boundary(potential="0 mV", concentrations="bulk")


def current(value, species="C", **keys):
    return Boundary(current={"species": species, "value": f"{value} pA", **({"waveform": "step"} | keys)})


def line(comm, radius=100, size="10 nm", degree=1, dimension="1d"):
    shape = Cylinder(length="1 um", radius=f"{radius} nm", dimension=dimension)
    return generate(shape, MeshOptions(size=size, element_degree=degree), comm)


def flow(injector, ground, current="10 pA"):
    return {ground: GROUND, injector: Boundary(current={"species": "C", "value": current})}


def spine(neck_radius, **more):
    return BallNeck(
        head_radius="500 nm", neck_radius=f"{neck_radius} nm", neck_length="1 um", cap_radius="10 nm",
        dimension="axisymmetric", **more,
    )  # fmt: skip


CASE = tomli_w.dumps({
    "geometry": {"shape": "cylinder", "length": "500 nm", "radius": "50 nm", "dimension": "1d"},
    "mesh": {"size": "50 nm"},
    "electrolyte": {"thermal_voltage": "25.26 mV", "permittivity": 80,
                    "species": [ion("C", 1, 150), ion("A", -1, 150)]},
    "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"},
                   "top": {"current": {"species": "C", "value": "10 pA"}}},
})  # fmt: skip


def spine_case(**tables):
    return {
        "geometry": {"shape": "ball_neck", "head_radius": "500 nm", "neck_radius": "100 nm", "neck_length": "1 um",
                     "cap_radius": "10 nm", "rings": [{"name": "ring", "z": ["0.9 um", "1 um"]}]},
        "electrolyte": {"species": [ion("C", 1, 167), ion("A", -1, 167)]},
        "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"}} | tables.pop("boundaries", {}),
        "study": {"kind": "transient", "duration": "10 ms"},
    } | tables  # fmt: skip


SIGMOID = {"law": "sigmoid", "species": "C", "maximum": "10 pA", "half": "5 mV", "slope": "0.5 mV"}

SPINE_FILE = CASES / "surfaces" / "spine.ply"

BASE = {"name": "base", "plane": {"point": ["0 nm"] * 3, "normal": [0, 0, 2]}}

PSD = {"name": "psd", "disc": {"centre": ["227 nm", "198 nm", "1192 nm"], "radius": "115 nm"}}


def spine_surface(path, **keys):
    return ImportedSurface(file=str(path), **({"unit": "um", "patches": [BASE, PSD]} | keys))
