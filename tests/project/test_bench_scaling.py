"""Messages of a solve, and the model that extrapolates them: limits that any such model must have."""

import math

import pytest

from benchmarks.scaling import Machine, Work, efficiency, levels, smallest_share, times
from benchmarks.suites import SUITES
from support.commands import rows

#: Machine without a network in the way.
PERFECT = Machine(latency=0.0, bandwidth=math.inf)


def test_messages_are_counted_by_their_columns():
    row = rows("messages", size="60 nm")
    assert set(SUITES["messages"].columns) <= set(row)
    assert row["ranks"] == 1
    # One rank has nobody to send to, and GMRES takes a norm and a projection in each iteration at least.
    assert row["solve_messages"] == row["setup_messages"] == 0
    assert row["iteration_reductions"] >= 2


def test_one_rank_and_a_perfect_network_have_computation_only():
    assert efficiency(1e6, 1) == 1.0
    assert efficiency(1e6, 1_000, PERFECT) == 1.0
    assert times(1e6, 1).total == pytest.approx(Work().seconds_per_unknown * 1e6, rel=0.04)


def test_a_full_node_computes_as_much_slower_as_its_memory():
    machine = Machine(latency=0.0, bandwidth=math.inf, ranks=64, slowdown=3.0)
    assert times(64e6, 64, machine).computation == pytest.approx(3.0 * Work().seconds_per_unknown * 1e6)


def test_large_problems_scale_and_small_ones_wait_for_latency():
    for ranks in (8, 1_000, 100_000):
        shares = [efficiency(share * ranks, ranks) for share in (1e2, 1e4, 1e6, 1e8)]
        assert shares == sorted(shares)
        assert shares[-1] > 0.99
    assert efficiency(1e5, 100_000) < 0.01


def test_bytes_follow_the_surface_of_a_part():
    small, large = (times(unknowns, 1_000).volume for unknowns in (1e8, 8e8))
    assert large == pytest.approx(4.0 * small)


def test_reductions_follow_the_logarithm_of_the_ranks():
    few, many = (times(1e9, ranks).reductions for ranks in (2**8, 2**16))
    assert many == pytest.approx(2.0 * few)


def test_levels_are_those_measured():
    assert [levels(unknowns, Work()) for unknowns in (19_197, 149_298)] == [4, 4]


def test_the_smallest_share_has_its_efficiency_and_grows_with_the_ranks():
    shares = [smallest_share(ranks) for ranks in (32, 1_000, 100_000)]
    assert shares == sorted(shares)
    assert efficiency(shares[1] * 1_000, 1_000) == pytest.approx(0.5, abs=0.02)
    assert smallest_share(1_000, Machine(latency=15e-6)) > 3.0 * shares[1]
