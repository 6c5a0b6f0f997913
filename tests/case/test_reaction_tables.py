"""Reactions in case files: what equations and rates mean, equilibria and totals, sweeps, and what is refused."""

import itertools

import numpy as np
import pytest
import tomli_w
from scipy.optimize import brentq

from spinepnp.case.case import make_case
from spinepnp.case.digest import case_digest
from spinepnp.case.remarks import remarks_of
from spinepnp.solvers import Electrolyte, Reaction
from spinepnp.solvers.model.equilibrium import imbalance
from spinepnp.solvers.model.reactions import Equation
from support.commands import refusal, refused
from support.ions import ion

KCL = (ion("K", 1, 150, 1960), ion("Cl", -1, 150, 2030))
BATH = {"potential": "0 mV", "concentrations": "bulk"}
BINDING = {"equation": "A + B <-> C", "forward": "1e8 1/(M s)", "backward": "10 1/s"}


def neutral(a=0.01, b=0.1, c=0.0):
    return (ion("A", 0, a), ion("B", 0, b, 0), ion("C", 0, c, 0))


NEUTRAL = neutral()


def case(species=(*KCL, *NEUTRAL), reactions=(BINDING,), boundaries=None, equilibrate=False, **tables):
    electrolyte = {"thermal_voltage": "25.26 mV", "permittivity": 80, "species": list(species)}
    return {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
        "mesh": {"size": "100 nm"},
        "electrolyte": {
            **electrolyte, **({"reactions": list(reactions)} if reactions else {}),
            **({"equilibrate": True} if equilibrate else {}),
        },
        "boundaries": {"base": BATH} if boundaries is None else boundaries,
        **tables,
    }  # fmt: skip


TRANSIENT = {"study": {"kind": "transient", "duration": "1 ms"}, "closed": {}, "boundaries": {}}


class TestEquations:
    @pytest.mark.parametrize(
        ("text", "left", "right", "reversible"),
        [
            ("Ca + B <-> CaB", {"Ca": 1, "B": 1}, {"CaB": 1}, True),
            ("2 Ca + B -> X", {"Ca": 2, "B": 1}, {"X": 1}, False),
            ("2Ca -> X", {"Ca": 2}, {"X": 1}, False),
            ("Ca + Ca -> X", {"Ca": 2}, {"X": 1}, False),
            ("Ca2+ + Cl- + H+_x <-> Y-", {"Ca2+": 1, "Cl-": 1, "H+_x": 1}, {"Y-": 1}, True),
            ("A ->", {"A": 1}, {}, False), ("-> A", {}, {"A": 1}, False), ("A <->", {"A": 1}, {}, True),
            ("A->B", {"A": 1}, {"B": 1}, False), ("  A   ->   B ", {"A": 1}, {"B": 1}, False),
        ],
    )  # fmt: skip
    def test_molecules_of_both_sides(self, text, left, right, reversible):
        assert Equation.of(text) == Equation(left, right, reversible)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("A + B -> B + A", "equal sides"),
            ("->", "equal sides"),
            ("A = B", "needs one arrow"),
            ("", "needs one arrow"),
            ("A -> B -> C", "needs one arrow"),
            ("A <- B", "needs one arrow"),
            ("A + -> C", "is no species"),
            ("0 A -> B", "is no species"),
            ("A, B -> C", "is no species"),
            ("__import__('os') -> B", "is no species"),
            ("2 A + 2 B -> C", "more than 3 molecules"),
            ("C -> 4 A", "more than 3 molecules"),
            ("A -> B" + " " * 300, "needs one arrow"),
        ],
    )
    def test_what_is_no_equation(self, text, message):
        with pytest.raises(ValueError, match=message):
            Equation.of(text)

    @pytest.mark.parametrize(
        ("equation", "rate", "value"),
        [
            ("A + B -> C", "1e8 1/(M s)", 1e5), ("A + B -> C", "0.1 1/(uM s)", 100.0), ("A -> B", "2 1/ms", 2e3),
            ("A -> B", "3 Hz", 3.0), ("2 A + B -> C", "1e12 1/(M^2 s)", 1e6), ("-> A", "5 uM/s", 5e-3),
            ("-> A", "1 mol/(m^3 s)", 1.0), ("A + B -> C", "1e8 M^-1 s^-1", 1e5), ("A -> B", "7 /s", 7.0),
        ],
    )  # fmt: skip
    def test_units_of_rates(self, equation, rate, value):
        assert Reaction(equation=equation, forward=rate).forward.value == pytest.approx(value, rel=1e-12)


class TestTotals:
    def network(self, species, *equations):
        rates = {1: "1 1/s", 2: "1 1/(mM s)", 3: "1 1/(mM^2 s)"}
        reactions = [
            {"equation": text, "forward": rates[sum(Equation.of(text).left.values())]}
            | ({"backward": rates[sum(Equation.of(text).right.values())]} if "<->" in text else {})
            for text in equations
        ]
        return Electrolyte(species=species, reactions=reactions, neutral=False).network

    def labels(self, species, *equations):
        network = self.network(species, *equations)
        return {total.label(network.names) for total in network.totals}

    def test_of_a_buffer(self):
        mobile = (ion("Ca", 2, 1), ion("B", 0, 1), ion("CaB", 2, 1))
        assert self.labels(mobile, "Ca + B <-> CaB") == {"Ca + CaB", "B + CaB"}
        assert self.labels(mobile, "2 Ca + B <-> CaB") == {"Ca + 2 CaB", "B + CaB"}
        assert self.labels(mobile) == {"Ca", "B", "CaB"}
        assert self.labels((ion("A", 0, 1),), "A ->") == set()

    def test_of_immobile_species(self):
        species = (ion("Ca", 2, 1), ion("B", 0, 1, 0), ion("CB", 2, 1, 0), ion("CCB", 4, 1, 0))
        network = self.network(species, "Ca + B <-> CB", "Ca + CB <-> CCB")
        assert [total.label(network.names) for total in network.local_totals] == ["B + CB + CCB"]
        assert {total.label(network.names) for total in network.totals} == {"B + CB + CCB", "Ca + CB + 2 CCB"}
        assert {species[total.pivot]["diffusivity"] for total in network.local_totals} == {"0 um^2/s"}

    @pytest.mark.parametrize("seed", range(5))
    def test_they_are_all_and_independent(self, seed):
        """As many as the dimension of the null space, which no reaction changes; each with a pivot of its own."""
        draw = np.random.default_rng(seed)
        names = "ABCDEFGH"
        species = (ion("H", 0, 1), *(ion(name, 0, 1, 0 if draw.random() < 0.4 else 1) for name in names[:-1]))
        sides = [" + ".join(draw.choice([*names], draw.integers(1, 4))) for _ in range(8)]
        texts = [
            f"{a} -> {b}" for a, b in itertools.pairwise(sides) if sorted(a.split(" + ")) != sorted(b.split(" + "))
        ]
        network = self.network(species, *texts)
        weights = np.array([total.weights for total in network.totals]).reshape(-1, len(names))
        assert not np.any(network.net @ weights.T)
        assert len(weights) == len(names) - np.linalg.matrix_rank(network.net)
        assert np.linalg.matrix_rank(weights) == len(weights) if len(weights) else True
        pivots = [total.pivot for total in network.totals]
        assert len({*pivots}) == len(pivots)
        assert np.linalg.matrix_rank(weights[:, pivots]) == len(pivots) if pivots else True


class TestEquilibrium:
    def test_eight_species_keep_their_totals_and_their_charge(self):
        """Two buffers, one of two sites, and a dye; against the root of the equation of calcium."""
        species = [
            *KCL[:1],
            ion("Cl", -1, 150.2 - 0.02, 2030),
            ion("Ca", 2, 0.1, 220),
            ion("B", 0, 0.05, 0),
            ion("CB", 2, 0, 0),
            ion("CCB", 4, 0, 0),
            ion("D", -1, 0.02, 60),
            ion("CD", 1, 0, 60),
        ]
        reactions = [
            {"equation": "Ca + B <-> CB", "forward": "1e8 1/(M s)", "backward": "100 1/s"},
            {"equation": "Ca + CB <-> CCB", "forward": "4e8 1/(M s)", "backward": "10 1/s"},
            {"equation": "Ca + D <-> CD", "forward": "5e8 1/(M s)", "backward": "200 1/s"},
        ]
        made = Electrolyte(species=species, reactions=reactions, equilibrate=True)
        made.check()
        c = made.bulk

        def bound(x):
            first, second = x / 1e-3, x / 2.5e-5
            share = 0.05 / (1.0 + first + first * second)
            return share * first, share * first * second, 0.02 * x / (x + 4e-4)

        x = brentq(lambda x: x + bound(x)[0] + 2.0 * bound(x)[1] + bound(x)[2] - 0.1, 1e-12, 0.1, xtol=1e-20)
        assert c["Ca"] == pytest.approx(x, rel=1e-9)
        assert (c["CB"], c["CCB"], c["CD"]) == pytest.approx(bound(x), rel=1e-9)
        assert c["B"] + c["CB"] + c["CCB"] == pytest.approx(0.05, rel=1e-12)
        assert made.net_charge(c) == pytest.approx(0.0, abs=1e-12)
        assert imbalance(made.network, np.array([*c.values()]))[0] < 1e-9

    def test_what_is_used_up_is_gone(self):
        made = Electrolyte(
            species=NEUTRAL, reactions=[{"equation": "A + B -> C", "forward": "1e8 1/(M s)"}], equilibrate=True
        )
        assert made.bulk == pytest.approx({"A": 0.0, "B": 0.09, "C": 0.01}, rel=1e-9, abs=1e-12)

    def test_supply_against_removal(self):
        reactions = [{"equation": "-> A", "forward": "1 mM/s"}, {"equation": "A ->", "forward": "10 1/s"}]
        assert Electrolyte(species=NEUTRAL, reactions=reactions, equilibrate=True).bulk["A"] == pytest.approx(0.1)
        error = refusal(Electrolyte, species=NEUTRAL, reactions=reactions[:1], equilibrate=True)
        assert "come to no rest" in str(error)

    def test_a_bulk_at_rest_stays_to_the_bit(self):
        at_rest = neutral(a=1e-4, b=0.05, c=0.05)
        assert Electrolyte(species=at_rest, reactions=[BINDING], equilibrate=True).bulk == {
            "A": 1e-4,
            "B": 0.05,
            "C": 0.05,
        }

    @pytest.mark.parametrize("start", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.5)])
    def test_third_order_from_concentrations_of_zero(self, start):
        species = [ion(name, 0, value) for name, value in zip("ABH", start, strict=True)]
        reaction = {"equation": "2 A + B <-> H", "forward": "1e12 1/(M^2 s)", "backward": "10 1/s"}
        found = Electrolyte(species=species, reactions=[reaction], equilibrate=True).bulk
        a, b, h = found.values()
        assert 1e6 * a**2 * b == pytest.approx(10.0 * h, rel=1e-9)
        assert (a + 2.0 * h, b + h) == pytest.approx((start[0] + 2.0 * start[2], start[1] + start[2]), rel=1e-12)


class TestContract:
    @pytest.mark.parametrize(("chloride", "accepted"), [("150 mM", True), ("200 mM", False)])
    def test_charge_of_immobile_ions_in_a_region_counts(self, chloride, accepted):
        region = {"z": ["0.5 um", "1 um"], "concentrations": {"X": "50 mM", "K": "200 mM", "Cl": chloride}}
        data = case(
            (*KCL, ion("X", -1, 0, 0)), (), None, study={"kind": "transient", "duration": "1 ms"},
            initial={"region": [region]},
        )  # fmt: skip
        if accepted:
            make_case(data)
        else:
            assert "leave -50 mM" in str(refusal(make_case, data))

    def test_a_sweep_varies_what_was_given(self):
        """Not the equilibrium of the case itself, on top of which it would count twice."""
        study = {"kind": "sweep", "vary": "electrolyte.species.A.concentration", "values": ["10 uM", "20 uM"]}
        points = make_case(case(equilibrate=True, study=study)).points()
        totals = [point.electrolyte.bulk["A"] + point.electrolyte.bulk["C"] for point in points]
        assert totals == pytest.approx([0.01, 0.02], rel=1e-12)

    @pytest.mark.parametrize("place", ["0", "binding"])
    def test_a_sweep_over_a_rate(self, place):
        study = {
            "kind": "sweep",
            "vary": f"electrolyte.reactions.{place}.forward",
            "values": ["1e7 1/(M s)", "1e8 1/(M s)"],
        }
        points = make_case(case(reactions=[{**BINDING, "name": "binding"}], equilibrate=True, study=study)).points()
        assert [point.electrolyte.reactions[0].forward.value for point in points] == pytest.approx([1e4, 1e5])
        ratios = [c["A"] * c["B"] / c["C"] for c in (point.electrolyte.bulk for point in points)]
        assert ratios == pytest.approx([1e-3, 1e-4], rel=1e-9)

    def test_a_resolved_case_is_the_same_case(self):
        region = {**BINDING, "name": "here", "region": ["0.2 um", "0.5 um"]}
        made = make_case(case(reactions=[region], equilibrate=True)).resolved()
        again = make_case(made.to_dict())
        assert again == made
        assert case_digest(again) == case_digest(made)
        assert made.to_dict()["electrolyte"]["reactions"] == [
            {**region, "forward": "100000 1/(mM s)", "region": ["200 nm", "500 nm"]}
        ]

    def test_keys_at_their_defaults_are_in_no_digest(self):
        plain, spelled = case(reactions=()), case(reactions=())
        spelled["electrolyte"] |= {"reactions": [], "equilibrate": False}
        assert case_digest(make_case(plain)) == case_digest(make_case(spelled))
        assert "reactions" not in make_case(plain).to_toml()
        assert case_digest(make_case(plain)) != case_digest(make_case(case(equilibrate=True)))

    @pytest.mark.parametrize(
        "study", [{}, {"study": {"kind": "transient", "duration": "1 ms"}}], ids=["steady", "time"]
    )
    def test_meridians_have_linear_elements_in_time(self, study):
        """Quadratic ones undershoot at fronts; who writes them is told so."""
        data = case(equilibrate=True, **study)
        data["geometry"]["dimension"] = "axisymmetric"
        assert make_case(data).mesh.element_degree == (1 if study else 2)
        data["mesh"]["element_degree"] = 2
        told = [line for line in remarks_of(make_case(data)) if "undershoot" in line]
        assert len(told) == (1 if study else 0)
        data["electrolyte"] = {k: v for k, v in data["electrolyte"].items() if k not in ("reactions", "equilibrate")}
        data["electrolyte"]["species"] = list(KCL)
        del data["mesh"]["element_degree"]
        assert make_case(data).mesh.element_degree == 2

    def test_what_the_structure_of_the_equations_depends_on(self):
        """Rates are values, for which nothing is compiled or made again; equations and regions are not."""
        key = make_case(case(equilibrate=True)).model_key
        other = make_case(case(reactions=[{**BINDING, "backward": "11 1/s"}], equilibrate=True))
        assert other.problem_data.signature == make_case(case(equilibrate=True)).problem_data.signature
        for change in ({"equation": "A + B <-> 2 C", "backward": "1 1/(mM s)"}, {"region": ["0 um", "0.5 um"]}):
            made = make_case(case(reactions=[{**BINDING, **change}], equilibrate=True))
            assert made.model_key != key


STEADY = {"boundaries": {"base": BATH}}
IN_TIME = {**STEADY, "study": TRANSIENT["study"]}

#: Species and reactions, further tables (by default those of a transient of a closed tube), and a part of the message.
REFUSED = {
    "charge": (
        (*KCL, *NEUTRAL),
        [{"equation": "K + B -> C", "forward": "1 1/(mM s)"}],
        {},
        "does not conserve charge: +1 becomes +0",
    ),
    "unknown species": (None, [{**BINDING, "equation": "A + Bb <-> C"}], {}, 'no such species: Bb; did you mean "B"'),
    "removal of an ion": (None, [{"equation": "K ->", "forward": "1 1/s"}], {}, "does not conserve charge"),
    "supply of an ion": (None, [{"equation": "-> K", "forward": "1 mM/s"}], {}, "does not conserve charge"),
    "steady out of equilibrium": (
        None,
        [BINDING],
        STEADY,
        "out of equilibrium: reactions change A there, but boundaries.base",
    ),
    "closed out of equilibrium": (
        None,
        [BINDING],
        {"closed": {}, "boundaries": {}},
        "a steady state begins from it; set electrolyte.equilibrate = true (A 1.1097e-05 mM",
    ),
    "held out of equilibrium": (None, [BINDING], IN_TIME, "boundaries.base.concentrations holds it"),
    "negative rate": (None, [{**BINDING, "forward": "-1 1/(M s)"}], {}, "must be zero or greater"),
    "negative backward": (None, [{**BINDING, "backward": "-1 1/s"}], {}, "must be zero or greater"),
    "rate without unit": (None, [{**BINDING, "forward": 1e8}], {}, "must be a first-order rate constant"),
    "wrong order": (
        None,
        [{**BINDING, "forward": "1e8 1/s"}],
        {},
        "forward: a reaction of second order has a rate constant such as",
    ),
    "wrong order back": (
        None,
        [{**BINDING, "backward": "1 mM/s"}],
        {},
        "backward: a reaction of first order has a rate constant such as",
    ),
    "wrong supply": (None, [{"equation": "-> A", "forward": "1 1/s"}], {}, "a supply has a rate such as"),
    "missing backward": (None, [{"equation": "A + B <-> C", "forward": "1 1/(mM s)"}], {}, "needs backward"),
    "extra backward": (None, [{**BINDING, "equation": "A + B -> C"}], {}, "has no backward"),
    "order four": (None, [{**BINDING, "equation": "2 A + 2 B <-> C"}], {}, "more than 3 molecules on one side"),
    "region outside": (
        None,
        [{**BINDING, "region": ["2 um", "3 um"]}],
        {},
        "lies outside of the body, which is from 0 nm to 1000 nm",
    ),
    "region upside down": (None, [{**BINDING, "region": ["0.5 um", "0.2 um"]}], {}, "the lower end comes first"),
    "immobile in a bath": (
        None,
        [BINDING],
        {**IN_TIME, "boundaries": {"base": {"concentrations": {"B": "1 mM"}}}},
        "boundaries.base.concentrations.B: does not move",
    ),
    "immobile amount": (
        None,
        [BINDING],
        {**TRANSIENT, "closed": {"amounts": {"B": "10 ions"}}},
        "closed.amounts.B: does not move",
    ),
    "two of one name": (None, [{**BINDING, "name": "x"}, {**BINDING, "name": "x"}], {}, "two reactions have this name"),
    "no name": (None, [{**BINDING, "name": "0"}], {}, "must be a letter, then letters, digits or _"),
    "unknown key": (None, [{**BINDING, "rate": "1 1/s"}], {}, "unknown key"),
    "no table": (None, ["A -> B"], {}, "must be a table"),
    "nothing moves": (neutral()[1:], [{"equation": "B -> C", "forward": "1 1/s"}], {}, "no species moves"),
    "accumulates": (
        (*KCL, *neutral(0.0, 0.0)[:1], ion("P", 0, 0)),
        [{"equation": "A -> P", "forward": "1 1/s"}],
        {
            "boundaries": {
                "base": {"potential": "0 mV", "concentrations": {"K": "150 mM", "Cl": "150 mM", "A": "0 mM"}},
                "top": {"flux": [{"species": "A", "value": "1e-6 mol/(m^2 s)"}]},
            },
        },
        "is made by a reaction and leaves nowhere",
    ),
    "immobile source": (
        (*KCL, ion("B", 0, 1, 0, source="1 mM/s")),
        (),
        STEADY,
        "does not move, so in a steady state its source",
    ),
}

CROSSING = {
    "current": {"current": {"species": "Q", "value": "1 fA"}},
    "flux": {"flux": [{"species": "Q", "value": "1e-6 mol/(m^2 s)"}]},
    "exchange": {"exchange": [{"species": "Q", "rate": "1e-5 m/s", "outside": "1 uM"}]},
    "channel": {"channel": [{"law": "sigmoid", "species": "Q", "maximum": "1 pA", "half": "5 mV", "slope": "1 mV"}]},
    "mechanism": {
        "mechanism": [{"name": "m", "law": "ohmic", "species": "Q", "conductance": "1 nS", "reversal": "0 mV"}]
    },
}


class TestBadInput:
    @pytest.mark.parametrize("name", REFUSED)
    def test_refused(self, name):
        species, reactions, tables, message = REFUSED[name]
        error = refusal(make_case, case(species or (*KCL, *NEUTRAL), reactions, **{**(tables or TRANSIENT)}))
        assert message in str(error)

    @pytest.mark.parametrize("study", [{}, TRANSIENT["study"]], ids=["steady", "transient"])
    @pytest.mark.parametrize("name", CROSSING)
    def test_nothing_of_an_immobile_species_crosses_a_boundary(self, name, study):
        species = (KCL[0], ion("Cl", -1, 151, 2030), ion("Q", 1, 1, 0))
        boundaries = {"base": BATH, "top": CROSSING[name]}
        error = refusal(make_case, case(species, (), boundaries, **({"study": study} if study else {})))
        assert str(error).startswith("boundaries.top: Q does not move")

    def test_one_line_and_exit_code_two(self, tmp_path, capfd):
        path = tmp_path / "bad.toml"
        path.write_text(tomli_w.dumps(case()))
        assert "out of equilibrium" in refused(capfd, "check", path)
        path.write_text(tomli_w.dumps(case(equilibrate=True)))
        assert "second order" in refused(capfd, "check", path, "--set", 'electrolyte.reactions.0.forward="1 1/s"')
