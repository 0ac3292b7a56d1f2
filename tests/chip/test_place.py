"""Which core a layer gets."""

from dynapdeploy.chip.place import Demand, place
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
    assert placement.competing == ("layer0", "layer2")
    assert placement.contested == (4,)


def test_all_nine_cores_can_be_used():
    demands = [Demand(str(i), 16384, 16384, 0) for i in range(9)]
    assert sorted(place(demands, SPECK).cores.values()) == list(range(9))


def test_the_shortage_names_the_layers_that_compete():
    large = [Demand(f"large{i}", 65536, 1024, 0) for i in range(3)]
    placement = place([*SMALL, *large], SPECK)
    assert set(placement.competing) == {"large0", "large1", "large2"}
    assert placement.contested == (5, 6)


def test_without_limits_every_layer_gets_a_core_in_order():
    demands = [Demand(str(i), 10**9, 10**9, 10**9) for i in range(40)]
    placement = place(demands, load_profile("unbounded"), pinned={"3": 0})
    assert sorted(placement.cores.values()) == list(range(40))
    assert placement.cores["3"] == 0


def test_the_same_demands_always_give_the_same_placement():
    first = place(SMALL, SPECK)
    assert all(place(SMALL, SPECK) == first for _ in range(5))
