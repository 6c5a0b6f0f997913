"""Window off the screen, of VTK's own classes: the plotter of PyVista takes longer to import than this to draw."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np

from spinepnp.plots.style import ColourScale

#: Libraries of which VTK needs one to draw without a screen; without any it would crash the process.
OFF_SCREEN_LIBRARIES = ("libEGL.so.1", "libOSMesa.so.8", "libOSMesa.so")

#: Smaller side and larger side of pictures, pixels.
PIXELS = (360, 1100)

#: Factor by which pictures are drawn finer, to have smooth edges.
FINER = 2

#: Height below a body, over its larger side, where arrows and a length find room.
FOOT = 0.12

#: Position of the light.
LIGHT = (0.3, -1.0, 0.8)

#: Colour where an array has no number, from 0 to 1.
NO_NUMBER = (0.82, 0.82, 0.82, 1.0)

#: Share of light from everywhere: with the next one, a cut has just the colours of the scale. A meridian has no shades.
AMBIENT = 0.77

#: Share of light from its position.
DIFFUSE = 0.3


def can_render() -> bool:
    """Whether VTK can draw off screen on this machine."""
    for name in OFF_SCREEN_LIBRARIES:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def directions(*, flat: bool) -> np.ndarray:
    """Unit vectors to the right, upwards and towards the eye, shape (3, 3).

    Args:
        flat: whether a meridian is seen, or a body from its open side and a little from above.
    """
    toward, up = np.array([(0.0, 0.0, 1.0), (0.0, 1.0, 0.0)] if flat else [(0.9, -2.0, 0.6), (0.0, 0.0, 1.0)])
    toward /= np.linalg.norm(toward)
    right = np.cross(up, toward) / np.linalg.norm(np.cross(up, toward))
    return np.array([right, np.cross(toward, right), toward])


class Scene:
    """A white window that just holds a body or a meridian, seen without perspective.

    Args:
        points: of its surface, um, shape (points, 3).
        flat: whether it is a meridian.
        pixels: larger side of pictures.

    Attributes:
        extent: left, right, lower and upper end of what it shows in the plane of view, um.
    """

    def __init__(self, points: np.ndarray, *, flat: bool, pixels: int = PIXELS[1]) -> None:
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
        import vtkmodules.vtkRenderingOpenGL2  # noqa: F401  without it there is nothing that draws
        from vtkmodules.vtkRenderingCore import vtkLight, vtkRenderer, vtkRenderWindow

        self._flat = flat
        axes = directions(flat=flat)
        ends = np.array([(points @ axes.T).min(axis=0), (points @ axes.T).max(axis=0)])
        if not flat:
            ends[0, 1] -= FOOT * np.ptp(ends[:, :2], axis=0).max()
        size = np.ptp(ends[:, :2], axis=0)
        size = 1.04 * np.maximum(size, size.max() * PIXELS[0] / PIXELS[1])
        (across, along), (half, tall) = ends.mean(axis=0)[:2], size / 2.0
        self.extent = (across - half, across + half, along - tall, along + tall)

        self._renderer, self._window = vtkRenderer(), vtkRenderWindow()
        self._renderer.SetBackground(1.0, 1.0, 1.0)
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(*(FINER * int(n) for n in np.round(size / size.max() * pixels)))
        self._window.AddRenderer(self._renderer)
        light = vtkLight()
        light.SetPosition(*LIGHT)
        self._renderer.AddLight(light)
        camera, middle = self._renderer.GetActiveCamera(), ends.mean(axis=0) @ axes
        distance = 2.0 * np.linalg.norm(np.ptp(points, axis=0))
        camera.SetFocalPoint(*middle)
        camera.SetPosition(*(middle + distance * axes[2]))
        camera.SetViewUp(*axes[1])
        camera.ParallelProjectionOn()
        camera.SetParallelScale(tall)
        self._nearer = 2e-3 * distance * axes[2]
        self._painted, self._lines = self._actor(), self._actor()

    def _actor(self) -> Any:
        """Actor of VTK, without data yet."""
        from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

        actor = vtkActor()
        actor.SetMapper(vtkPolyDataMapper())
        return actor

    def paint(self, surface: Any, name: str, look: ColourScale, *, edges: bool = False) -> None:
        """Show a surface coloured by an array, in place of the last one.

        Args:
            surface: surface, a `pyvista.PolyData`.
            name: name of an array of its points or cells.
            look: colours and their limits.
            edges: whether the edges of the surface's cells are drawn.
        """
        mapper, properties = self._painted.GetMapper(), self._painted.GetProperty()
        mapper.SetInputData(surface)
        mapper.SetLookupTable(_table(look.colours))
        mapper.SetScalarRange(*look.limits)
        mapper.SelectColorArray(name)
        if name in surface.point_data:
            mapper.SetScalarModeToUsePointFieldData()
            mapper.InterpolateScalarsBeforeMappingOn()  # colours between two of the scale would not be on it
        else:
            mapper.SetScalarModeToUseCellFieldData()
        properties.SetLighting(not self._flat)
        properties.SetAmbient(1.0 if self._flat else AMBIENT)
        properties.SetDiffuse(0.0 if self._flat else DIFFUSE)
        properties.SetInterpolationToFlat()
        properties.SetEdgeVisibility(edges)
        properties.SetLineWidth(0.5 * FINER)
        self._renderer.AddActor(self._painted)

    def draw_lines(self, lines: Any) -> None:
        """Show white lines (`pyvista.PolyData`), moved a little towards the eye, in place of those before."""
        lines.points += self._nearer
        self._lines.GetMapper().SetInputData(lines)
        self._lines.GetMapper().ScalarVisibilityOff()
        properties = self._lines.GetProperty()
        properties.SetColor(1.0, 1.0, 1.0)
        properties.SetLineWidth(1.5 * FINER)
        properties.LightingOff()
        self._renderer.AddActor(self._lines)

    def picture(self) -> np.ndarray:
        """Picture of the scene, shape (height, width, 3)."""
        import PIL.Image
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkRenderingCore import vtkWindowToImageFilter

        self._renderer.ResetCameraClippingRange()
        self._window.Render()
        reader = vtkWindowToImageFilter()
        reader.SetInput(self._window)
        reader.ReadFrontBufferOff()
        reader.ShouldRerenderOff()
        reader.Update()
        image = reader.GetOutput()
        width, height, _ = image.GetDimensions()
        upwards = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, 3)
        return np.asarray(PIL.Image.fromarray(upwards[::-1]).reduce(FINER))

    def close(self) -> None:
        """Free the window."""
        self._window.Finalize()


def _table(colours: str) -> Any:
    """Lookup table of VTK from a scale of colours of matplotlib."""
    import matplotlib
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkLookupTable

    table = vtkLookupTable()
    table.SetTable(numpy_to_vtk(matplotlib.colormaps[colours](np.arange(256), bytes=True), deep=True))
    table.SetNanColor(*NO_NUMBER)
    return table
