"""What a version of a placement changed, in words."""

from typing import Any

from serving.console.version_changes import changes, changes_by_version
from serving.placements.placement_keeping import PlacementVersion


def version(number: int, **definition: Any) -> PlacementVersion:
    return PlacementVersion("home", number, definition, "", "ann", None)


def test_a_change_is_said_field_by_field_and_rule_by_rule() -> None:
    rules = [{"name": name, "do": "hide", "category": "war"} for name in ("a", "b", "c")]
    first, second, third = rules
    before = {"limit": 3, "diversity": 0.3, "weights": {"batch": 1}, "rules": [first, second]}
    after = {"limit": 7, "explore": 0.1, "weights": {"batch": 1}, "rules": rules[1:]}
    assert [*changes(before, before)] == []
    assert [*changes(before, after)] == [
        "`diversity` as set",
        "`explore`: 0.1",
        "`limit`: 3 \N{RIGHTWARDS ARROW} 7",
        "rule `c` added",
        "rule `a` removed",
    ]
    other = [*changes({"rules": rules}, {"rules": [third, {**first, "do": "pin"}, second]})]
    assert other == ["rule `a` changed", "rules in another order"]


def test_versions_are_compared_with_those_before_as_far_as_they_are_known() -> None:
    whole = [version(2, limit=7), version(1, limit=3)]
    assert changes_by_version(whole) == {
        2: ["`limit`: 3 \N{RIGHTWARDS ARROW} 7"],
        1: ["`limit`: 3"],
    }
    assert changes_by_version([version(9, limit=7), version(8)]) == {9: ["`limit`: 7"]}
