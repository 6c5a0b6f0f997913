"""Page on the spines of a file that `spinepnp surface --all` has solved: distributions, a table, a picture of each."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from spinepnp import __version__
from spinepnp.figure_style import COMPUTED, GREY, figure_style
from spinepnp.runtime.files import write_atomically

#: File of the page.
PAGE = "report.html"

#: Width of a thumbnail, pixels: twice that on the page, for screens of double resolution.
THUMBNAIL_WIDTH = 360

#: Quantities whose distribution is drawn, with the words of the axis.
DISTRIBUTIONS = {
    "volume_um3": "volume (µm³)",
    "head_volume_um3": "volume of the head (µm³)",
    "neck_length_um": "length of the neck (µm)",
    "neck_radius_um": "radius of the neck (µm)",
    "G_per_um": "G (1/µm)",
    "R_0_MOhm": "R(0) (MOhm)",
}

#: Columns of the table: name, heading, unit and number of significant digits.
COLUMNS = (
    ("volume_um3", "volume", "µm³", 3),
    ("head_volume_um3", "head", "µm³", 3),
    ("neck_length_um", "neck length", "µm", 3),
    ("neck_radius_um", "neck radius", "µm", 3),
    ("psd_area_um2", "synapse", "µm²", 3),
    ("G_low_per_um", "G low", "1/µm", 4),
    ("G_per_um", "G", "1/µm", 4),
    ("G_high_per_um", "G high", "1/µm", 4),
    ("gap_percent", "gap", "%", 2),
    ("R_0_MOhm", "R(0)", "MOhm", 4),
    ("R_50pA_MOhm", "R(50 pA)", "MOhm", 4),
    ("V_1nS_mV", "V(1 nS)", "mV", 4),
    ("mending_volume_percent", "mending, volume", "%", 2),
    ("seconds", "time", "s", 3),
)


def write_spine_page(rows: Sequence[dict[str, Any]], folders: Sequence[str], title: str, output: Path) -> Path:
    """Write the page, with all pictures inside; returns its path.

    Args:
        rows: row of each spine, as in its surface.json.
        folders: directory of each spine, relative to the page.
        title: heading of the page.
        output: directory of the page.

    Raises:
        OutputError: it cannot be written.
    """
    good = [row for row in rows if row["status"] == "ok"]
    spines: list[dict[str, Any]] = []
    for row, folder in zip(rows, folders, strict=True):
        more = {}
        if "G_low_per_um" in row:
            more["gap_percent"] = 100.0 * (row["G_high_per_um"] / row["G_low_per_um"] - 1.0)
        if "mending_volume_change" in row:
            more["mending_volume_percent"] = 100.0 * row["mending_volume_change"]
        spines.append({"row": row | more, "folder": folder, "picture": _thumbnail(output / folder / "surface.png")})
    environment = jinja2.Environment(loader=jinja2.PackageLoader("spinepnp.batch", "."), autoescape=True)
    environment.filters["digits"] = _digits
    page = environment.get_template("spine_page.html.j2").render(
        title=title,
        spines=spines,
        failed=[spine for spine in spines if spine["row"]["status"] != "ok"],
        columns=COLUMNS,
        distributions={label: _histogram(good, name, label) for name, label in DISTRIBUTIONS.items()} if good else {},
        seconds=sum(row["seconds"] for row in rows),
        version=__version__,
        when=time.strftime("%Y-%m-%d %H:%M"),
    )
    write_atomically(output / PAGE, page, then="run it again")
    return output / PAGE


def _thumbnail(path: Path) -> str:
    """A picture made small, as text of base 64; empty where there is none."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except OSError:
        return ""
    small.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=82)
    return base64.b64encode(buffer.getvalue()).decode()


def _digits(value: float | None, digits: int) -> str:
    """A number with its significant digits, trailing zeros included; empty where there is none."""
    return "" if value is None else f"{value:#.{digits}g}".removesuffix(".")


def _histogram(rows: Sequence[dict[str, Any]], name: str, label: str) -> str:
    """Histogram of a column with a mark for each spine and the median, as text of base 64."""
    import matplotlib.figure
    import matplotlib.ticker

    values = np.array([row[name] for row in rows])
    middle = float(np.median(values))
    with figure_style(9, {}):
        figure = matplotlib.figure.Figure(figsize=(3.4, 2.4), dpi=180, layout="constrained")
        place = figure.subplots()
        place.hist(values, bins=min(30, max(5, round(2 * len(values) ** 0.5))), color="#9ecae1", edgecolor="white")
        place.plot(values, np.zeros(len(values)), "|", color=GREY, markersize=9, clip_on=False)
        place.axvline(middle, color=COMPUTED, linewidth=1.2)
        place.set_title(f"median {middle:.3g}", color=COMPUTED)
        place.set_xlabel(label)
        place.set_ylabel("spines")
        place.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()
