"""Pictures of fields and meshes in a body that is cut open, or in its meridian."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.meshes.simplices import shape_quality
from spinepnp.plots.cells import is_line, is_solid, surface
from spinepnp.plots.lines import draw_sizes, profiles
from spinepnp.plots.scene import PIXELS, Scene, directions
from spinepnp.plots.style import TITLE_LINE, ColourScale, new_figure, scale_of, set_title, write
from spinepnp.units import POTENTIAL
from spinepnp.validation.laws.profiles import LawProfile

#: Smaller side and larger side of a picture on a page, inches.
INCHES = (2.2, 5.8)

#: Colours of the arrows along x, y and z.
ARROW_COLOURS = ("#e2725b", "#3c9d5d", "#1f3fd0")

#: Length of an arrow over the larger side of a picture.
ARROW_LENGTH = 0.045


def draw_potential(
    grid: Any,
    path: Path,
    title: str,
    *,
    opened: bool = True,
    moment: str = "",
    where: str = "",
    law: LawProfile | None = None,
) -> None:
    """Array ``potential_mV`` on the surface of a body, cut open along its axis or not; in a meridian; along a line.

    Args:
        grid: mesh with fields, as of `run.fields.gather` (PyVista, um and result units).
        path: path of the picture (PNG).
        title: title of the picture; "potential" where it is empty.
        opened: whether a body is cut open along its axis.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential, such as that it is beside Debye layers.
        law: profile of the law that the fields of a line are compared with.
    """
    write(potential_figure(grid, title, opened=opened, moment=moment, where=where, law=law), path)


def potential_figure(
    grid: Any, title: str, *, opened: bool, moment: str = "", where: str = "", law: LawProfile | None = None
) -> Any:
    """Figure of `draw_potential`.

    Args:
        grid: grid with the potential at its points.
        title: title of the figure.
        opened: whether a body is cut open.
        moment: time or point of a sweep of the fields.
        where: addition to the name of the potential.
        law: profile of the law that the fields of a line are compared with.
    """
    if is_line(grid):
        return profiles(grid, title, moment, where, law)[0]
    name = f"potential_{POTENTIAL.suffix}"
    look = scale_of(f"potential ({POTENTIAL.unit}){where}", "viridis", *grid.get_data_range(name))
    view = View(grid, opened=opened)
    shown = [(view.picture(name, look), look)]
    figure, _, _ = page(shown, view.extent, title or "potential", flat=view.flat, moment=moment)
    view.close()
    return figure


def draw_mesh(grid: Any, path: Path, title: str, *, opened: bool = True) -> None:
    """Cells of a mesh, coloured by their quality: a body, cut open or not, or a meridian; sizes of those of a line.

    Args:
        grid: mesh, as of `run.fields.gather_mesh` (PyVista, um).
        path: path of the picture (PNG).
        title: title of the picture; "mesh" where it is empty.
        opened: whether a body is cut open along its axis.
    """
    import pyvista

    if is_line(grid):
        draw_sizes(grid, path, title)
        return
    solid = is_solid(grid)
    corners = grid.cell_connectivity.reshape(grid.n_cells, -1)[:, : 4 if solid else 3]
    kind = pyvista.CellType.TETRA if solid else pyvista.CellType.TRIANGLE
    straight = pyvista.UnstructuredGrid({kind: corners}, grid.points)
    straight.cell_data["quality"] = shape_quality(grid.points[corners])
    if solid and opened:
        straight = straight.extract_cells(straight.cell_centers().points[:, 1] > grid.center[1])
    shown, look = (
        straight.extract_surface(algorithm="dataset_surface"),
        ColourScale("quality of the cells", "RdYlGn", (0.0, 1.0)),
    )
    scene = Scene(shown.points, flat=not solid)
    scene.paint(shown, "quality", look, edges=True)
    figure, _, _ = page([(scene.picture(), look)], scene.extent, title or "mesh", flat=not solid)
    scene.close()
    write(figure, path)


class View:
    """A body, cut open along its axis or whole, or a meridian; it draws one array of a grid after another.

    Args:
        grid: grid of the body or meridian.
        opened: whether a body is cut open.
        pixels: larger side of pictures.

    Attributes:
        extent: left, right, lower and upper end of its pictures in the plane of view, um.
        flat: whether it is a meridian, and the ends are those of r and z.
    """

    def __init__(self, grid: Any, *, opened: bool, pixels: int = PIXELS[1]) -> None:
        self.flat = not is_solid(grid)
        self._surface = surface(grid)
        if opened and not self.flat:
            plane = {"normal": "y", "origin": np.array(grid.center)}
            self._surface = self._surface.clip(**plane, invert=False).merge(grid.slice(**plane), merge_points=False)
        self._scene = Scene(self._surface.points, flat=self.flat, pixels=pixels)
        self.extent = self._scene.extent

    def picture(self, name: str, look: ColourScale) -> np.ndarray:
        """A picture of an array of the grid with lines of equal values, shape (height, width, 3)."""
        self._scene.paint(self._surface, name, look)
        self._scene.draw_lines(self._surface.contour(look.levels, scalars=name))
        return self._scene.picture()

    def close(self) -> None:
        """Free the window."""
        self._scene.close()


def page(
    pictures: list[tuple[np.ndarray, ColourScale]],
    extent: tuple[float, ...],
    title: str,
    *,
    flat: bool,
    moment: str = "",
) -> tuple[Any, list[Any], Any]:
    """Pictures of one view side by side, each with its scale of colours, and a bar that tells lengths.

    Args:
        pictures: and how they are coloured.
        extent: of each in the plane of view, um: left, right, lower and upper end.
        title: above them.
        flat: whether they show a meridian.
        moment: time or point of a sweep that they show.

    Returns:
        The figure, matplotlib's images in it, and the title.
    """
    left, right, low, high = extent
    width, height = (INCHES[1] * side / max(right - left, high - low) for side in (right - left, high - low))
    figure = new_figure(len(pictures) * (max(width, INCHES[0]) + 1.4), max(height, INCHES[0]) + 0.7)
    figure.set_layout_engine("compressed", wspace=0.08)  # ticks of the second stay clear of the scale of the first
    images = []
    for axes, (picture, look) in zip(figure.subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
        images.append(show(axes, picture, extent, flat=flat))
        if flat and len(images) > 1:
            axes.set_ylabel("")
        draw_scale(figure, axes, look, shrink=0.75)
    above = set_title(figure, title, moment)
    figure.set_figheight(figure.get_figheight() + TITLE_LINE * above.get_text().count("\n"))
    return figure, images, above


def show(axes: Any, picture: np.ndarray, extent: tuple[float, ...], *, flat: bool) -> Any:
    """Show a picture on axes.

    Args:
        axes: axes of matplotlib.
        picture: pixels, shape (rows, columns, colours).
        extent: left, right, bottom and top of the picture, um.
        flat: whether it is a meridian, with coordinates; else a bar tells lengths.

    Returns:
        The image of matplotlib.
    """
    image = axes.imshow(picture, extent=extent)
    if flat:
        axes.set_xlabel("r (um)")
        axes.set_ylabel("z (um)")
        axes.spines[["top", "right"]].set_visible(False)
    else:
        axes.set_axis_off()
        _draw_length(axes, extent)
        _draw_arrows(axes, extent)
    return image


def draw_scale(figure: Any, axes: Any, look: ColourScale, **options: Any) -> None:
    """Scale of colours beside axes, with the lines of equal values of the pictures.

    Args:
        figure: figure of matplotlib.
        axes: axes beside which it stands, one or a list.
        look: the scale.
        options: further keywords of matplotlib's `colorbar`.
    """
    import matplotlib.cm
    import matplotlib.colors

    colours = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(*look.limits), look.colours)
    bar = figure.colorbar(
        colours, ax=axes, label=look.label, extend=look.extend, aspect=25, ticks=look.levels, **options
    )
    bar.ax.hlines(look.levels, *bar.ax.get_xlim(), colors="white", linewidths=0.6)  # as the lines of the picture


def _draw_length(axes: Any, extent: tuple[float, ...]) -> None:
    """A bar of a round length in the lower right corner (um)."""
    left, right, low, high = extent
    longest = 0.3 * (right - left)
    power = 10.0 ** np.floor(np.log10(longest))
    length = max(digit * power for digit in (1, 2, 5) if digit * power <= longest)
    end, at = right - 0.04 * (right - left), low + 0.03 * (high - low)
    axes.plot([end - length, end], [at, at], color="black", linewidth=2.5, solid_capstyle="butt")
    axes.text(end - length / 2.0, at + 0.012 * (high - low), f"{length:g} um", ha="center", va="bottom", fontsize=9)


def _draw_arrows(axes: Any, extent: tuple[float, ...]) -> None:
    """Directions of x, y and z in the lower left corner."""
    left, right, low, high = extent
    side = max(right - left, high - low)
    start = np.array([left, low]) + 0.04 * side
    for name, colour, along in zip("xyz", ARROW_COLOURS, directions(flat=False)[:2].T, strict=True):
        end = start + ARROW_LENGTH * side * along
        arrow = {"arrowstyle": "-|>", "color": colour, "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", end, start, arrowprops=arrow)
        axes.text(*(end + 0.012 * side * along / np.linalg.norm(along)), name, ha="center", va="center", fontsize=7)
