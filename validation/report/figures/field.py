"""Figure of the full equations in space: potential and concentrations of one spine on tetrahedra."""

from __future__ import annotations

from typing import Any

from spinepnp.pages.body import viewer_html
from spinepnp.plots.bodies import View, page
from spinepnp.plots.scene import can_render
from spinepnp.plots.style import ColourScale
from spinepnp.run.steady import Model
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, probes
from spinepnp.validation.report.figures.drawing import LeftOutError, Sheet

#: Keys of a mesh of a spine that is solved in a few seconds.
COARSE = {"mesh.size": "90 nm", "mesh.grade": {"cap": {"size": "4 nm", "growth": 1.8}}}

#: Height of the head's centre, um.
CENTRE = 1.4899

#: Ratio of the highest value of the colour scale to that of the head's centre: the small cap lies far above.
TOP = 1.12


def spine(_evidence: Evidence, comm: Any) -> Sheet:
    """Figure of potential and sodium in a spine, cut open."""
    if not can_render():
        raise LeftOutError("VTK cannot draw here; install libegl1 (or libosmesa6)")
    case = case_of("ball_neck_steady", COARSE | {"probes": probes([CENTRE])})
    model = Model(comm)
    problem = model.fit(case, lambda _: None)
    solution = problem.solve(case.electrolyte, case.boundaries, case.closed)
    grid, cells = solution.grid(), problem.mesh.cells
    cap = solution.boundary["cap"].potential / POTENTIAL.si
    (centre,) = solution.probes.values()
    model.close()
    fields = (
        (f"potential_{POTENTIAL.suffix}", f"potential ({POTENTIAL.unit})", "viridis", centre.potential / POTENTIAL.si),
        (f"concentration_{CONCENTRATION.suffix}.Na", f"sodium ({CONCENTRATION.unit})", "cividis",
         centre.concentration["Na"] / CONCENTRATION.si),
    )  # fmt: skip
    view = View(grid, opened=True)
    pictures, looks = [], {}
    for name, label, colours, highest in fields:
        scale = ColourScale(label, colours, (float(grid.get_data_range(name)[0]), TOP * highest), extend="max")
        pictures.append((view.picture(name, scale), scale))
        looks[name] = scale
    canvas, _, title = page(pictures, view.extent, "", flat=False)
    title.set_text("")
    view.close()
    extra = viewer_html(grid, looks)
    caption = (
        f"A steady state with 50 pA of sodium into a cap of 10 nm, on {cells} tetrahedra, cut open; white lines are "
        f"levels. The neck carries the drop, the head is level but for the cap, which is at about {cap:.0f} mV. This "
        "mesh is made for the picture; the case spine_head_3d (with --full) holds a finer one against the law."
    )
    alt = "A spherical spine head on a neck, cut open, coloured by potential and by sodium; both rise along the neck."
    return Sheet(canvas, caption, alt, {"cap": float(cap)}, vector=False, palette=False, extra=extra)
