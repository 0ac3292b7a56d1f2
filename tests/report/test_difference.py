"""diff: what changed, and conditions that make it fail."""

import pytest

from dynapdeploy.errors import InputError
from dynapdeploy.report.difference import condition, difference_content, layer_changes
from dynapdeploy.report.snapshot import Snapshot, of_result

A = Snapshot("a", "speck2fdevkit", {"c": {"core": 1}, "d": {"core": 2}},
             {"synops": 100.0, "accuracy": 0.9, "undecided": 0.0})  # fmt: skip
B = Snapshot("b", "speck2e", {"c": {"core": 5}, "e": {"core": 2}},
             {"synops": 106.0, "accuracy": 0.88, "undecided": 1.0})  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("synops>+5%", True),
        ("synops > 6%", False),
        ("synops>=6%", True),
        ("synops>5", True),
        ("synops>6", False),
        ("accuracy<-0.01", True),
        ("accuracy<-0.05", False),
        ("accuracy<=-2%", True),
        ("undecided>0%", True),
        ("undecided<-1e3%", False),
    ],
)
def test_conditions(text, holds):
    assert condition(text).holds(A, B) is holds


@pytest.mark.parametrize(
    "text", ["synops", "synops>>5", "weight>1%", "synops>1.2.3", "", "synops>e"]
)
def test_what_is_no_condition(text):
    with pytest.raises(InputError, match="--fail-if"):
        condition(text)


def test_a_figure_that_a_side_does_not_know():
    with pytest.raises(InputError, match="a does not say energy; give --data"):
        condition("energy>1%").holds(A, B)


def test_what_changed():
    content = difference_content(A, B, [condition("synops>5%")])
    synops = next(f for f in content["figures"] if f["figure"] == "synops")
    assert synops["change"] == 6.0 and synops["relative"] == pytest.approx(0.06)
    undecided = next(f for f in content["figures"] if f["figure"] == "undecided")
    assert undecided["relative"] is None and undecided["change"] == 1.0
    assert content["failed"] == ["synops>5%"]
    assert layer_changes(A, B) == [
        {"layer": "c", "property": "core", "a": 1, "b": 5},
        {"layer": "d", "property": "exists", "a": True, "b": False},
        {"layer": "e", "property": "exists", "a": False, "b": True},
    ]
    assert layer_changes(A, A) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"synops_per_sample": 1', "[" * 100_000])
def test_files_that_are_no_result(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"x\.json"):
        of_result(str(path))
    with pytest.raises(InputError, match="No such file"):
        of_result(str(tmp_path / "absent.json"))


def test_a_result_with_odd_parts(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"synops_per_sample": 5, "energy": 3, "layers": {"a": 1}, "accuracy": "x"}')
    assert of_result(str(path)).figures == {"synops": 5.0}
