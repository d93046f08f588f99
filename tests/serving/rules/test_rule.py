"""What a rule may say, which rules hold for a request, and which get into each other's way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from serving.rules.conflicts import conflicts
from serving.rules.rule import Rule, Rules, Selection
from serving.rules.rule_set import HoldingRules, RuleSet

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rule(do: str, name: str = "rule", **fields: Any) -> Rule:
    return Rule.model_validate({"name": name, "do": do, **fields})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"do": "boost", "category": "A"}, "boost needs factor"),
        ({"do": "boost", "category": "A", "factor": 0.5}, "bury takes one below"),
        ({"do": "bury", "category": "A", "factor": 1}, "boost takes one above"),
        ({"do": "pin", "category": "A", "factor": 2}, "belongs to boost and bury"),
        ({"do": "hide"}, "give one of item_ids, category, filter"),
        ({"do": "hide", "category": "A", "item_ids": ["a"]}, "give one of"),
        ({"do": "hide", "attribute": "brand"}, "it belongs to cap"),
        ({"do": "hide", "item_ids": ["a", "a"]}, "twice"),
        ({"do": "cap", "attribute": "brand", "at_most": 5, "window": 5}, "no cap"),
        ({"do": "reserve", "category": "A", "at_least": 0}, "greater than or equal to 1"),
        ({"do": "hide", "filter": "year >"}, "is missing"),
        ({"do": "hide", "filter": "brand in user.brands"}, "leave `user.` out"),
        ({"do": "hide", "category": "A", "users": 'title = "x"'}, "attributes.title"),
        (
            {"do": "hide", "category": "A", "starts_at": NOON, "ends_at": NOON},
            "later than starts_at",
        ),
        ({"do": "hide", "category": "A", "color": "red"}, "Extra inputs"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused_and_says_why(
    body: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Rule.model_validate({"name": "rule", **body})


def test_a_rule_is_the_same_after_it_was_stored() -> None:
    given = rule(
        "cap", attribute="brand", at_most=2, window=5, when={"device": ["phone"]}, starts_at=NOON
    )
    stored = given.model_dump(mode="json", exclude_none=True)
    assert Rule.model_validate(stored) == given


def test_two_rules_of_one_name_are_refused() -> None:
    hide = {"name": "same", "do": "hide", "category": "A"}
    with pytest.raises(ValidationError, match="two rules have the name 'same'"):
        TypeAdapter(Rules).validate_python([hide, hide])


def test_rules_hold_by_time_context_and_user() -> None:
    hour = timedelta(hours=1)
    always = rule("hide", "always", category="A")
    soon = rule("hide", "soon", category="A", starts_at=NOON, ends_at=NOON + hour)
    phone = rule("hide", "phone", category="A", when={"device": ["phone", "tablet"]})
    german = rule("hide", "german", category="A", users='country = "DE"')
    rules = RuleSet([always, soon, phone, german])

    def names(*moment_and_context: Any) -> list[str]:
        return [each.name for each in rules.holding(*moment_and_context).rules]

    assert names(NOON - hour) == ["always"]
    assert names(NOON) == ["always", "soon"]
    assert names(NOON + hour) == ["always"]
    assert names(NOON - hour, {"device": "tablet"}) == ["always", "phone"]
    assert names(NOON - hour, {"device": "tv"}) == ["always"]
    assert names(NOON - hour, {}, {"country": "DE"}) == ["always", "german"]
    assert names(NOON - hour, {}, {}) == ["always"]
    # Of nobody it cannot be told: such rules do not hold, and are named.
    assert rules.holding(NOON).for_users == ("german",)
    assert rules.holding(NOON, {}, {}).for_users == ()
    assert rules.asks_user
    assert not rules.is_constant
    assert rules.holding(NOON) is rules.holding(NOON)
    assert rules.holding(NOON).key != rules.holding(NOON + hour).key


def test_the_key_tells_rules_apart_and_is_that_of_every_process() -> None:
    first, second = rule("hide", category="A"), rule("hide", category="B")
    assert HoldingRules.of([first]).key == HoldingRules.of([first.model_copy()]).key
    assert len({HoldingRules.of(each).key for each in ([], [first], [second])}) == 3


def test_two_pins_on_a_position_are_a_conflict_unless_they_never_hold_together() -> None:
    first = rule("pin", "first", item_ids=["a"], position=1)
    later: dict[str, Any] = {"item_ids": ["b"], "position": 1}
    assert _names([first, rule("pin", "second", **later)]) == [("first", "second")]
    assert _names([first, rule("pin", "second", item_ids=["b"], position=2)]) == []
    german = rule("pin", "german", users='country = "DE"', **later)
    french = rule("pin", "french", users='country = "FR"', **later)
    assert _names([german, french]) == []
    assert _names([german, first]) == [("german", "first")]
    before = rule("pin", "before", ends_at=NOON, **later)
    after = rule("pin", "after", starts_at=NOON, **later)
    assert _names([before, after]) == []
    phone = rule("pin", "phone", when={"device": ["phone"]}, **later)
    tablet = rule("pin", "tablet", when={"device": ["tablet"]}, **later)
    assert _names([phone, tablet]) == []


def test_what_is_hidden_cannot_be_pinned_reserved_or_boosted() -> None:
    hide = rule("hide", "hide", category="A")
    reserve = rule("reserve", "reserve", category="A", at_least=2)
    boost = rule("boost", "boost", category="A", factor=2)
    assert _names([hide, reserve, boost]) == [("hide", "reserve"), ("hide", "boost")]
    pin = rule("pin", "pin", item_ids=["a"], position=1)
    assert _names([pin, hide]) == []
    known = {
        Selection(category="A"): np.array([1, 2], dtype=np.int32),
        Selection(("a",)): np.array([2], dtype=np.int32),
    }
    (found,) = conflicts([pin, hide], item_nos=known)
    assert found.detail == "All of what 'pin' is to pin is hidden by 'hide'."


def test_a_cap_may_leave_no_room_for_what_is_reserved() -> None:
    cap = rule("cap", "cap", category="A", at_most=1, window=5)
    assert _names([cap, rule("reserve", "r", category="A", at_least=4)]) == []
    assert _names([cap, rule("reserve", "r", category="A", at_least=5)]) == [("cap", "r")]


def test_what_a_list_is_too_short_for_is_a_conflict() -> None:
    pin = rule("pin", "pin", item_ids=["a"], position=30)
    most = rule("reserve", "most", category="A", at_least=15)
    others = rule("reserve", "others", category="B", at_least=6)
    assert _names([pin]) == [("pin",)]
    assert _names([most, others]) == [("most", "others")]
    assert _names([pin, most, others], limit=40) == []


def test_boosted_and_buried_items_are_a_conflict() -> None:
    boost = rule("boost", "boost", item_ids=["a", "b"], factor=4)
    bury = rule("bury", "bury", item_ids=["b", "c"], factor=0.5)
    (found,) = conflicts([bury, boost])
    assert found.detail.endswith("their scores are multiplied by 2.")


def _names(rules: list[Rule], **options: Any) -> list[tuple[str, ...]]:
    return [each.rules for each in conflicts(rules, **options)]
