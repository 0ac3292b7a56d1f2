"""Which core a layer gets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from dynapdeploy.chip.place import Demand, Shortage, match, place
from dynapdeploy.chip.profile import load_profile

SPECK = load_profile("speck2fdevkit")
SMALL = [Demand(f"layer{i}", 1024, 1024, 0) for i in range(3)]


def test_reproducible_cores_come_first():
    assert all(core >= 2 for core in place(SMALL, SPECK).cores.values())


def test_throughput_gives_a_parallel_core_to_the_entry_layer():
    placement = place(SMALL, SPECK, "throughput", entry=["layer1"])
    assert placement.cores["layer1"] in SPECK.parallel_cores
    assert placement.cores["layer0"] not in SPECK.parallel_cores


def test_a_pinned_layer_gets_its_core():
    assert place(SMALL, SPECK, pinned={"layer2": 0}).cores["layer2"] == 0


def test_two_layers_pinned_to_one_core_compete():
    placement = place(SMALL, SPECK, pinned={"layer0": 4, "layer2": 4})
    assert placement.shortages == (Shortage(("layer0", "layer2"), (4,)),)


def test_all_nine_cores_can_be_used():
    demands = [Demand(str(i), 16384, 16384, 0) for i in range(9)]
    assert sorted(place(demands, SPECK).cores.values()) == list(range(9))


def test_the_shortage_names_the_layers_that_compete():
    large = [Demand(f"large{i}", 65536, 1024, 0) for i in range(3)]
    placement = place([*SMALL, *large], SPECK)
    assert placement.shortages == (Shortage(("large0", "large1", "large2"), (5, 6)),)


def test_every_competition_is_told():
    large = [Demand(f"large{i}", 65536, 1024, 0) for i in range(4)]
    wide = [Demand(f"wide{i}", 1024, 65536, 0) for i in range(4)]
    found = {frozenset(s.layers): s.cores for s in place([*large, *wide], SPECK).shortages}
    assert found == {
        frozenset(d.layer for d in large): (5, 6),
        frozenset(d.layer for d in wide): (0, 1, 2),
    }


@given(st.lists(st.sets(st.integers(0, 5)), max_size=7))
def test_a_matching_is_a_largest_one(allowed):
    owner, left = match([sorted(columns) for columns in allowed])
    assert all(column in allowed[row] for column, row in owner.items())
    assert sorted([*owner.values(), *left]) == list(range(len(allowed)))
    matrix = np.array([[c in columns for c in range(6)] for columns in allowed], np.int8)
    theirs = maximum_bipartite_matching(csr_array(matrix)) if allowed else np.array([])
    assert len(owner) == (theirs >= 0).sum()


def test_without_limits_every_layer_gets_a_core_in_order():
    demands = [Demand(str(i), 10**9, 10**9, 10**9) for i in range(40)]
    placement = place(demands, load_profile("unbounded"), pinned={"3": 0})
    assert sorted(placement.cores.values()) == list(range(40))
    assert placement.cores["3"] == 0


def test_the_same_demands_always_give_the_same_placement():
    first = place(SMALL, SPECK)
    assert all(place(SMALL, SPECK) == first for _ in range(5))
