"""The pointwise electroneutral relation: any valences, fixed charge, its limit."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.electroneutral import Electroneutral
from spinepnp.validation.reference import table as references
from support.ions import ion


def electrolyte(*ions: tuple[str, int, float], fixed: float = 0.0) -> Electrolyte:
    species = [ion(*row) for row in ions]
    return Electrolyte.model_validate({"species": species, "fixed_charge": f"{fixed!r} mM"})


SALT = electrolyte(("C", 1, 167.0), ("A", -1, 167.0))
NEURAL = electrolyte(("Na", 1, 12.0), ("K", 1, 155.0), ("A", -1, 167.0))


@st.composite
def neutral_bulks(draw):
    valences = draw(st.lists(st.sampled_from([-2, -1, 1, 2, 3]), min_size=1, max_size=4))
    ions = [(f"X{i}", z, draw(st.floats(min_value=0.1, max_value=300.0))) for i, z in enumerate(valences)]
    return electrolyte(*ions, fixed=-sum(z * c for _, z, c in ions))


@given(neutral_bulks(), st.floats(min_value=-2.0, max_value=2.0))
def test_phi_and_its_inverse_agree_wherever_no_concentration_is_negative(bulk, u):
    law = Electroneutral(bulk, "X0")
    concentrations = law.concentrations(np.array([u]))
    assume(concentrations.min() > 1e-6)
    assert law.potential(law.phi(np.array([u])))[0] == pytest.approx(u, abs=1e-9)


@given(neutral_bulks(), st.floats(min_value=-2.0, max_value=2.0))
def test_neutral_everywhere_and_phi_prime_is_the_sum_of_z_squared_c(bulk, u):
    law, step = Electroneutral(bulk, "X0"), 1e-6
    valences = np.array([s.valence for s in bulk.species])
    c = law.concentrations(np.array([u]))[:, 0]
    assert valences @ c + bulk.fixed_charge == pytest.approx(0.0, abs=1e-9 * np.abs(c).max())
    slope = (law.phi(np.array(u + step)) - law.phi(np.array(u - step))) / (2 * step)
    assert slope == pytest.approx(valences**2 @ c / valences[0], rel=1e-6, abs=1e-5)


@given(st.floats(min_value=-0.999, max_value=100.0))
def test_one_salt_is_the_logarithm(x):
    phi = 2.0 * 167.0 * x
    assert Electroneutral(SALT, "C").potential(np.array([phi]))[0] == pytest.approx(math.log1p(x), abs=1e-12)


@pytest.mark.parametrize("injected", [0, 1])
@pytest.mark.parametrize(
    "ions",
    [
        (("C", 1, 167.0), ("A", -1, 167.0)),
        (("Na", 1, 12.0), ("K", 1, 155.0), ("A", -1, 100.0), ("B", -1, 67.0)),
        (("K", 1, 155.0), ("Ca", 2, 1.5), ("A", -1, 158.0)),
        (("Ca", 2, 80.0), ("A", -1, 160.0)),
        (("A", -2, 50.0), ("K", 1, 100.0), ("sugar", 0, 30.0)),
    ],
)
def test_the_potential_inverts_phi_in_closed_form_and_by_search(ions, injected):
    law = Electroneutral(electrolyte(*ions), ions[injected][0])
    u_limit, _ = law.depletion()
    sign = math.copysign(1.0, ions[injected][1])
    u = sign * np.concatenate([np.linspace(0.9 * max(-5.0, sign * u_limit), 5.0, 50), [-1e-9, 0.0, 1e-9]])
    assert law.potential(law.phi(u)) == pytest.approx(u, rel=1e-9, abs=1e-14)


def test_the_limit_of_the_papers_three_species():
    u, phi = Electroneutral(NEURAL, "Na").depletion()
    assert u * 25.26 == pytest.approx(0.5 * math.log(155.0 / 167.0) * 25.26)
    area, length, faraday = math.pi * 1e-14, 1e-6, 96485.33212331
    assert phi * faraday * 2e-10 * area / length * 1e12 == pytest.approx(
        references.load("cylinder")["limiting_current"]["three_species"], abs=0.005
    )


def test_the_limit_of_one_salt_lies_at_infinite_potential():
    u, phi = Electroneutral(SALT, "C").depletion()
    assert u == -math.inf
    assert phi == pytest.approx(-334.0)
    u, phi = Electroneutral(SALT, "A").depletion()
    assert u == math.inf
    assert phi == pytest.approx(-334.0)


def test_fixed_counter_charge_has_no_limit():
    law = Electroneutral(electrolyte(("C", 1, 150.0), fixed=-150.0), "C")
    assert law.depletion()[1] == -math.inf
    assert law.potential(np.array([-3000.0]))[0] == pytest.approx(-20.0)


def test_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="limiting"):
        Electroneutral(SALT, "C").potential(np.array([-334.1]))


def test_values_beside_zero_keep_their_accuracy():
    phi = np.array([0.0, 1e-12, -1e-12])
    assert Electroneutral(SALT, "C").potential(phi) == pytest.approx(phi / 334.0, rel=1e-9, abs=0.0)
