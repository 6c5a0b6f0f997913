"""Catalogue of shapes, laws, cases, ... as plain data, for `spinepnp list`. Nothing here needs DOLFINx."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from spinepnp.case.toml import parse_toml, read_text
from spinepnp.checkout import of_checkout
from spinepnp.errors import CaseError
from spinepnp.geometries import SHAPES
from spinepnp.reference import presets_page
from spinepnp.reference.describe import drawing_of, keys_of, summary_of, without_si
from spinepnp.reference.templates import named_boundaries, places_of
from spinepnp.units import Table
from spinepnp.validation.laws.catalogue import LAWS

Entry = dict[str, Any]


def shapes() -> list[Entry]:
    """Every shape with its parameters, boundaries, and places for probes."""
    found = []
    for name, shape in SHAPES.items():
        own = [key for key in keys_of(shape) if key.name not in ("shape", "dimension", "obstacle")]
        found.append({
            "name": name,
            "title": summary_of(shape),
            "parameters": [key.name for key in own if key.required],
            "options": [key.name for key in own if not key.required],
            "boundaries": named_boundaries(name),
            "places": places_of(name),
            "dimensions": list(shape.dimensions),
            "obstacle": shape.takes_obstacle,
            "drawing": drawing_of(shape),
        })  # fmt: skip
    return found


def laws() -> list[Entry]:
    """Laws of [compare]."""
    return [{"name": name, "title": summary_of(function)} for name, function in LAWS.items()]


def formulas() -> list[Entry]:
    """Formulas of validation cases."""
    from spinepnp.validation.suite.formulas import FORMULAS

    return [
        {"name": name, "title": without_si(summary_of(f.function)), "quantity": f.kind.name if f.kind else "number"}
        for name, f in FORMULAS.items()
    ]


def waveforms() -> list[Entry]:
    """Waveforms, the keys of each, and the values that cannot have it."""
    from spinepnp.solvers.model import waveforms as stimuli
    from spinepnp.solvers.model.membrane.strength import StrengthWaveform
    from spinepnp.solvers.model.terms.dirichlet import PotentialWaveform
    from spinepnp.solvers.model.terms.injection import Injection

    users: dict[str, type[Table]] = {
        "a current": Injection,
        "a potential": PotentialWaveform,
        "a mechanism": StrengthWaveform,
    }
    taken = {use: get_args(table.model_fields["waveform"].annotation) for use, table in users.items()}
    return [
        {**entry, "not of": [use for use, names in taken.items() if entry["name"] not in names]}
        for entry in _by_keys(stimuli.KEYS)
    ]


def channels() -> list[Entry]:
    """Laws of channels, and the keys of each."""
    from spinepnp.solvers.model.channels import KEYS

    return _by_keys(KEYS)


def mechanisms() -> list[Entry]:
    """Laws of mechanisms, and the keys of each; of a waveform only the key that names it."""
    from spinepnp.solvers.model.membrane.law_keys import COMMON_KEYS, KEYS
    from spinepnp.solvers.model.waveforms import KEYS as WAVEFORMS

    of_waveforms = {key for needed, allowed in WAVEFORMS.values() for key in (*needed, *allowed)}
    common = tuple(key for key in COMMON_KEYS if key not in of_waveforms)
    return _by_keys({name: (needed, (*allowed, *common)) for name, (needed, allowed) in KEYS.items()})


def gates() -> list[Entry]:
    """Ways to give the kinetics of a gate of a mechanism, by their first key, and the keys of each."""
    from spinepnp.solvers.model.membrane.gate import KINETICS, OPTIONAL, MechanismGate

    of_all = tuple(key for key in MechanismGate.model_fields if not any(key in way for way in KINETICS))
    needed = [tuple(key for key in way if key not in OPTIONAL) for way in KINETICS]
    allowed = [tuple(key for key in way if key in OPTIONAL) for way in KINETICS]
    return _by_keys({n[0]: (n, (*a, *of_all)) for n, a in zip(needed, allowed, strict=True)})


def kinetics() -> list[Entry]:
    """Kinetics of gates that have a name, with the temperature of their rates where it is known, and their sources."""
    from spinepnp.solvers.model.membrane.kinetics import known_kinetics

    return [
        {"name": name, "title": entry["source"], "celsius": entry.get("celsius")}
        for name, entry in known_kinetics().items()
    ]


def presets() -> list[Entry]:
    """Presets of species, buffers and mechanisms, with their values and sources."""
    return list(presets_page.entries())


def _by_keys(keys: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> list[Entry]:
    return [
        {"name": name, "needs": list(needed), "may have": list(allowed)} for name, (needed, allowed) in keys.items()
    ]


def cases() -> list[Entry]:
    """Case files of the checkout."""
    found = []
    for path, table in _files("cases"):
        study = table.get("study", {}).get("kind", "steady") if "electrolyte" in table else "mesh only"
        geometry = table.get("geometry", {})
        found.append({"name": path, "title": table.get("title", ""), "shape": geometry.get("shape"), "study": study})
    return found


def sweeps() -> list[Entry]:
    """Sweep files of the checkout."""
    return [{"name": path, "title": table.get("title", "")} for path, table in _files("cases/sweeps")]


def validation() -> list[Entry]:
    """Cases of `spinepnp validate`."""
    return [
        {
            "name": Path(path).stem,
            "title": table.get("title", ""),
            "figure": table.get("figure", ""),
            "full": table.get("full", False),
        }
        for path, table in _files("cases/validation")
    ]


def _files(folder: str) -> list[tuple[str, Entry]]:
    """Path, relative to the checkout, and tables of each file of a folder; none where there is no checkout."""
    try:
        found = of_checkout(folder, "list", "the cases are", "use ./spine list")
    except CaseError:
        return []
    root = found.parents[len(Path(folder).parts) - 1]
    paths = sorted(found.glob("*.toml"))
    return [(str(path.relative_to(root)), parse_toml(read_text(path), str(path))) for path in paths]


def models() -> list[Entry]:
    """Neuron models of `spinepnp gnp run`."""
    from spinepnp.validation.gnp.models import MODELS

    def title(leak: int, glutamate: int, potassium: int, sodium: int, frozen: int) -> str:
        laws = ("GHK", "one conductance", "a conductance for each ion")
        gated = {(0, 0): "ohmic", (1, 1): "GHK", (1, 0): "GHK for K", (0, 1): "GHK for Na"}[potassium, sodium]
        ions = "fixed" if frozen else "changing"
        return f"leak {laws[leak]}, glutamate {laws[glutamate]}, voltage-gated {gated}, concentrations {ions}"

    return [{"name": name, "title": title(*switches)} for name, switches in MODELS.items()]


def figures() -> list[Entry]:
    """Figures of `spinepnp gnp`."""
    from spinepnp.validation.gnp.figures.catalogue import FIGURES

    return [{"name": name, "title": figure.description} for name, figure in FIGURES.items()]


def benchmarks() -> list[Entry]:
    """Suites of `spinepnp bench`."""
    try:
        path = of_checkout("benchmarks", "list", "the benchmarks are", "use ./spine list") / "suites.toml"
    except CaseError:
        return []
    suites = parse_toml(read_text(path), str(path))
    return [
        {"name": name, "title": suite["title"], "by default": suite.get("by_default", True)}
        for name, suite in suites.items()
    ]


#: Function that lists each topic, and the use of its entries.
TOPICS: dict[str, tuple[Callable[[], list[Entry]], str]] = {
    "shapes": (shapes, "of [geometry]; a case file: ./spine new SHAPE; a drawing: ./spine list shapes SHAPE"),
    "laws": (laws, "of [compare], for the voltage at the injector"),
    "formulas": (formulas, "of validation cases, beside laws and tables"),
    "waveforms": (
        waveforms,
        "in a transient; its height is that of the value (current, potential), of a mechanism a factor of 1",
    ),
    "channels": (channels, "laws of [[boundaries.NAME.channel]]; all need species"),
    "mechanisms": (
        mechanisms,
        "laws of [[boundaries.NAME.mechanism]]; all need a name; meanings: ./spine list keys boundaries.NAME.mechanism",
    ),
    "gates": (gates, "of mechanisms: what gives their rates; celsius: temperature at which the rates were measured"),
    "kinetics": (kinetics, "of gates of mechanisms, by name"),
    "presets": (presets, 'of species, buffers and mechanisms: use = "NAME"; one of them: ./spine list presets NAME'),
    "cases": (cases, "./spine run FILE"),
    "sweeps": (sweeps, "./spine -n 2 batch FILE"),
    "validation": (validation, "./spine validate NAME"),
    "models": (models, "neurons: ./spine gnp run --model NAME"),
    "figures": (figures, "./spine gnp NAME"),
    "benchmarks": (benchmarks, "./spine bench NAME"),
}
