"""Units that case files use all the time, as pint has them: it takes half a second to begin. A test compares them."""

from __future__ import annotations

#: Factors to SI by unit, by pint's name of the dimension.
KNOWN: dict[str, dict[str, float]] = {
    "[length]": {"nm": 1e-09, "um": 1e-06, "mm": 0.001, "m": 1.0},
    "[length] ** 2": {"nm^2": 1e-18, "um^2": 1e-12, "m^2": 1.0},
    "[length] ** 3": {"nm^3": 1e-27, "um^3": 1e-18, "m^3": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current]": {"uV": 1e-06, "mV": 0.001, "V": 1.0},
    "[current]": {"fA": 1e-15, "pA": 1e-12, "nA": 1e-09, "A": 1.0},
    "[substance] / [length] ** 3": {"uM": 0.001, "mM": 1.0, "mol/m^3": 1.0},
    "[length] ** 2 / [time]": {"um^2/s": 1e-12, "m^2/s": 1.0, "um^2/ms": 1e-09},
    "[temperature]": {"K": 1.0},
    "[time]": {"ps": 1e-12, "ns": 1e-09, "us": 1e-06, "ms": 0.001, "s": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current] ** 2": {"Ohm": 1.0, "MOhm": 1000000.0, "GOhm": 1000000000.0},
    "[current] * [time] / [length] ** 2": {"C/m^2": 1.0, "mC/m^2": 0.001},
    "[current] ** 2 * [time] ** 4 / [mass] / [length] ** 4": {"F/m^2": 1.0, "uF/cm^2": 0.01},
    "[current] / [length] ** 2": {"A/m^2": 1.0},
    "[substance]": {"ions": 1.66053906717385e-24, "mol": 1.0},
    "[substance] / [length] ** 3 / [time]": {"mM/s": 1.0},
    "[current] * [time]": {"fC": 1e-15, "C": 1.0},
    "[mass] * [length] ** 2 / [time] ** 2": {"aJ": 1e-18, "J": 1.0},
    "1 / [time]": {"Hz": 1.0},
    "[current] ** 2 * [time] ** 3 / [mass] / [length] ** 2": {"pS": 1e-12, "nS": 1e-09, "S": 1.0},
    "[length] / [time]": {"um/s": 1e-06, "m/s": 1.0},
    "dimensionless": {"deg": 0.0174532925199433, "rad": 1.0},
}
