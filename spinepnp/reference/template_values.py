"""Values of a template for each shape, for `spinepnp new`: sizes, and the roles of boundaries.

Keys, defaults and what they mean come from the models (`describe`); here are only values.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

#: A triangulated spine that a checkout has.
SURFACE = Path(__file__).resolve().parents[2] / "cases" / "surfaces" / "spine.ply"


@dataclass(frozen=True)
class Starter:
    """Values of a template; they are TOML text.

    Attributes:
        title: title of the case.
        sizes: keys of the shape that are set.
        options: keys of the shape that are shown and not set.
        ground: boundary that is held; empty for a closed body.
        injector: boundary where the current enters.
        wall: boundary that may carry charge.
        law: of [compare], where one fits.
        grade: size and growth toward the injector, as an alternative.
        probe: a point inside.
        region: two heights within the body.
        mesh: keys of [mesh] that are set.
    """

    title: str
    sizes: dict[str, str]
    ground: str
    injector: str
    probe: str
    options: dict[str, str] = field(default_factory=dict)
    wall: str = "wall"
    law: str = ""
    grade: str = '{ size = "0.1 nm", growth = 1.4 }'
    region: str = '["0.4 um", "0.6 um"]'
    mesh: dict[str, str] = field(default_factory=dict)


STARTERS: dict[str, Starter] = {
    "cylinder": Starter(
        "A straight spine neck: Na enters at the top",
        {"length": '"1 um"', "radius": '"100 nm"'},
        ground="base",
        injector="top",
        probe='["0 nm", "0 nm", "0.5 um"]',
        options={"obstacle": '{ centre = ["0 nm", "0 nm", "500 nm"], radius = "40 nm" }'},
        law="cylinder",
    ),
    "cone": Starter(
        "A spine neck that narrows: Na enters at the top",
        {"length": '"1 um"', "base_radius": '"120 nm"', "top_radius": '"80 nm"'},
        ground="base",
        injector="top",
        probe='["0 nm", "0 nm", "0.5 um"]',
        options={"obstacle": '{ centre = ["0 nm", "0 nm", "500 nm"], radius = "40 nm" }'},
        law="electroneutral",
    ),
    "tube": Starter(
        "A corrugated spine neck: Na enters at the top",
        {"length": '"1 um"', "profile": '"100 nm + 15 nm*cos(2*pi*z/(500 nm))"'},
        ground="base",
        injector="top",
        probe='["0 nm", "0 nm", "0.5 um"]',
        law="electroneutral",
    ),
    "hyperboloid": Starter(
        "A constriction between confocal ends: Na enters at the top",
        {"a": '"50 nm"', "c": '"100 nm"', "half_length": '"500 nm"', "ends": '"confocal"'},
        ground="base",
        injector="top",
        probe='["0 nm", "0 nm", "0 nm"]',
        options={"b": '"70 nm"'},
        law="hyperboloid",
        region='["-0.1 um", "0.1 um"]',
    ),
    "ball_neck": Starter(
        "A spine: Na enters the head through a cap and leaves by the neck",
        {
            "head_radius": '"500 nm"', "neck_radius": '"100 nm"', "neck_length": '"1 um"', "cap_radius": '"50 nm"',
        },
        ground="base",
        injector="cap",
        probe='["0 nm", "0 nm", "1.49 um"]',
        options={
            "fillet": '"30 nm"',
            "rings": '[{ name = "ring", theta = ["25 deg", "35 deg"] }]',
            "obstacle": '{ centre = ["0 nm", "0 nm", "1.4 um"], radius = "150 nm" }',
        },
        grade='{ size = "5 nm", growth = 1.4 }',
    ),
    "ball": Starter(
        "Ions of one sign in a closed ball",
        {"radius": '"500 nm"'},
        ground="",
        injector="wall",
        probe='["0 nm", "0 nm", "0 nm"]',
        options={"obstacle": '{ centre = ["0 nm", "0 nm", "100 nm"], radius = "150 nm" }'},
        grade='{ size = "5 nm", growth = 1.4 }',
        region='["-0.1 um", "0.1 um"]',
    ),
    "ball_window": Starter(
        "A ball with a window at the south pole: Na enters through a cap",
        {"radius": '"500 nm"', "window_radius": '"100 nm"', "cap_radius": '"50 nm"'},
        ground="window",
        injector="cap",
        probe='["0 nm", "0 nm", "0 nm"]',
        options={
            "cap_angle": '"45 deg"', "obstacle": '{ centre = ["0 nm", "0 nm", "100 nm"], radius = "150 nm" }',
        },
        grade='{ size = "5 nm", growth = 1.4 }',
        region='["-0.1 um", "0.1 um"]',
    ),
    "shell": Starter(
        "Between two spheres: Na enters at the inner one",
        {"inner_radius": '"200 nm"', "outer_radius": '"500 nm"'},
        ground="outer",
        injector="inner",
        probe='["300 nm", "0 nm", "0 nm"]',
        wall="",
        law="electroneutral",
        grade='{ size = "1 nm", growth = 1.6 }',
        region='["-0.1 um", "0.1 um"]',
        mesh={"element_degree": "2"},  # the field around the inner sphere falls off steeply
    ),
    "pore": Starter(
        "A pore between two reservoirs: Na enters from the inside",
        {"radius": '"20 nm"', "length": '"100 nm"', "reservoir_radius": '"200 nm"'},
        ground="outside",
        injector="inside",
        probe='["0 nm", "0 nm", "50 nm"]',
        options={"obstacle": '{ centre = ["0 nm", "0 nm", "200 nm"], radius = "30 nm" }'},
        grade='{ size = "10 nm", growth = 1.4 }',
        region='["0 nm", "100 nm"]',
    ),
    "surface": Starter(
        "A triangulated spine: Na enters at the synapse",
        {
            "file": json.dumps(SURFACE.name),
            "unit": '"um"',
            "patches": '[\n  { name = "base", plane = { point = ["0 nm", "0 nm", "0 nm"], normal = [0, 0, 1] } },\n'
            '  { name = "psd", disc = { centre = ["227 nm", "198 nm", "1192 nm"], radius = "115 nm" } },\n]',
        },
        ground="base",
        injector="psd",
        probe='["0 nm", "0 nm", "0.3 um"]',
        grade="",
    ),
}  # fmt: skip
