"""Arguments of the verb `surface`, and the spines that they name."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import digest_of
from spinepnp.geometries.triangles.spine import Given
from spinepnp.geometries.triangles.spine_files import (
    BASE_NAMES,
    PSD_NAMES,
    SUFFIXES,
    SurfaceFile,
    count_spines,
    guessed_unit,
    read_surface,
)
from spinepnp.geometries.triangulation import UNNAMED

#: Area of the synapse where nothing else is said, um^2: a typical one.
PSD_AREA = 0.05

#: Smallest extent of a spine, um: a smaller one was given in another unit.
SMALLEST = 0.05

#: Largest extent, um.
LARGEST = 100.0


@dataclass(frozen=True)
class SurfaceRequest:
    """Arguments of the verb.

    Attributes:
        files: files of surfaces, or directories of them.
        output: directory of the results.
        unit: unit of the coordinates; guessed by default.
        spine: number of the spine of a morph-spines file.
        every: whether all spines of all files are done.
        psd_area: area of the synapse, um^2; excludes a label.
        psd_label: label of the synapse's triangles in the file: NAME or NAME=VALUE.
        base_point: point of the plane that cuts the base, um.
        base_normal: vector normal to it.
        drop_stray: whether separate pieces are left out.
        force: whether results there are replaced.
    """

    files: tuple[Path, ...]
    output: Path
    unit: str | None = None
    spine: int | None = None
    every: bool = False
    psd_area: float | None = None
    psd_label: str | None = None
    base_point: tuple[float, float, float] | None = None
    base_normal: tuple[float, float, float] | None = None
    drop_stray: bool = False
    force: bool = False

    @property
    def is_batch(self) -> bool:
        """Whether there may be more than one spine."""
        return self.every or len(self.files) > 1

    def check(self) -> None:
        """Refuse options that exclude each other.

        Raises:
            CaseError: names the option.
        """
        if self.psd_area is not None and self.psd_label is not None:
            raise CaseError("--psd-label", "excludes --psd-area; give one of them", self.psd_label)
        if self.base_normal is not None and (self.base_point is None or not any(self.base_normal)):
            raise CaseError("--base-normal", "needs --base-point, and a direction", self.base_normal)
        if self.is_batch and self.base_point is not None:
            raise CaseError("--base-point", "is that of one spine; leave it out for several", self.base_point)
        if self.is_batch and self.spine is not None:
            raise CaseError("--spine", "excludes --all and several files; give one of them", self.spine)


@dataclass(frozen=True)
class Item:
    """A spine that is asked for.

    Attributes:
        file: its file.
        number: its number there.
        folder: directory of its results.
        asked: file, its digest and the options, by which results are known again.
        problem: what is wrong with the file, or "".
    """

    file: Path
    number: int
    folder: Path
    asked: dict[str, Any]
    problem: str = ""


def items_of(request: SurfaceRequest) -> list[Item]:
    """Spines that are asked for, each with its directory.

    Raises:
        CaseError: the only file is bad, or nothing says which of its spines is meant.
    """
    files = _files(request)
    several, names = len(files) > 1, _names(files)
    options = {
        "unit": request.unit, "psd_area_um2": request.psd_area, "psd_label": request.psd_label,
        "base_point_um": request.base_point, "base_normal": request.base_normal, "drop_stray": request.drop_stray,
    }  # fmt: skip
    items = []
    for file, name in zip(files, names, strict=True):
        asked: dict[str, Any] = {"file": str(file.resolve()), "digest": ""} | options
        try:
            number = count_spines(file)
            asked["digest"] = digest_of(str(file))
        except ValueError as error:
            if not request.is_batch:
                raise CaseError("FILE", str(error), str(file)) from None
            items.append(Item(file, 0, request.output / (name if several else "spine_0000"), asked, str(error)))
            continue
        if number > 1 and not request.every and request.spine is None:
            what = f"--spine 0 to {number - 1}, or --all"
            raise CaseError("--spine", f"is missing: {file.name} has {number} spines; give {what}")
        if not request.is_batch:
            items.append(Item(file, request.spine or 0, request.output, asked))
            continue
        for i in range(number):
            folder = (name if number == 1 else f"{name}_{i:04d}") if several else f"spine_{i:04d}"
            items.append(Item(file, i, request.output / folder, asked))
    return items


def _files(request: SurfaceRequest) -> list[Path]:
    """Files that are named, with those in directories where all are asked for."""
    found: list[Path] = []
    for file in request.files:
        if request.every and file.is_dir():
            inside = sorted(path for path in file.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
            if not inside:
                raise CaseError("FILE", f"has no file that ends in {', '.join(SUFFIXES)}; give surfaces", str(file))
            found += inside
        else:
            found.append(file)
    return found


def _names(files: list[Path]) -> list[str]:
    """A name for each file, of a directory: its stem where that is alone, else its whole name, with a number."""
    stems = Counter(file.stem for file in files)
    names = [file.stem if stems[file.stem] == 1 else file.name.replace(".", "_") for file in files]
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def read_item(request: SurfaceRequest, item: Item) -> tuple[SurfaceFile, str, Given]:
    """Surface of a spine in micrometres, its unit in words, and what is given of it.

    Raises:
        ValueError: the file, its unit or a label is bad; says what to do.
    """
    found = read_surface(item.file, item.number)
    unit = request.unit or guessed_unit(item.file, found.points)
    scale = {"nm": 1e-3, "um": 1.0}[unit]
    extent = float(np.ptp(found.points[np.unique(found.triangles)], axis=0).max()) * scale
    if not SMALLEST <= extent <= LARGEST:
        raise ValueError(
            f"is {extent:.3g} um wide in {unit}, and a spine {SMALLEST:g} to {LARGEST:g} um; give --unit, or scale it"
        )
    groups = {"base": None if request.base_point else found.group_of(BASE_NAMES)}
    if request.psd_label is not None:
        groups["psd"] = found.group(request.psd_label)
    elif request.psd_area is None:
        groups["psd"] = found.group_of(PSD_NAMES)
    masks = {name: mask for name, mask in groups.items() if mask is not None}
    values = np.full(len(found.triangles), len(masks))
    for i, mask in enumerate(masks.values()):
        values[mask] = i
    given = Given(
        values=values,
        names=(*masks, UNNAMED),
        root=None if found.root is None else found.root * scale,
        point=None if request.base_point is None else np.array(request.base_point),
        normal=None if request.base_normal is None else np.array(request.base_normal),
        refuse_stray=None if request.drop_stray else "give --drop-stray to leave them out",
    )
    scaled = SurfaceFile(found.points * scale, found.triangles)
    return scaled, unit + ("" if request.unit else " (guessed)"), given
