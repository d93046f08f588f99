"""What rules make of a list, against a model in plain Python that goes through everything."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.blend import BlendedRanking
from serving.rules.arrangement import CategoryCap, arrange
from serving.rules.resolved_rules import AttributeValues, ResolvedRules, SelectedItems
from serving.rules.rule import Rule, Selection
from serving.rules.rule_set import HoldingRules
from tests.examples import examples
from tests.serving.rules.rule_model import (
    COLORS,
    ITEMS,
    TAG,
    Tags,
    drawn_rules,
    factor_of,
    is_hidden,
    model,
    moved_by_model,
)

TAGS = st.fixed_dictionaries({item: st.sets(TAG) for item in ITEMS})
COLORED = st.fixed_dictionaries({item: st.sampled_from(COLORS) for item in ITEMS})
POOLS = st.lists(st.sampled_from(ITEMS), unique=True, max_size=len(ITEMS))


def resolved(rules: Sequence[Rule], tags: Tags, colors: Mapping[int, str]) -> ResolvedRules:
    holding = HoldingRules.of(rules)
    items = {each: selected(each, tags) for each in holding.selections()}
    item_nos = np.array([*ITEMS], dtype=np.int32)
    numbers = np.array([COLORS.index(colors[item]) for item in ITEMS], dtype=np.int32)
    return ResolvedRules.of(holding, items, {"color": AttributeValues(item_nos, numbers)})


def selected(selection: Selection, tags: Tags) -> SelectedItems:
    if selection.item_ids:
        return SelectedItems.named(np.array([*map(int, selection.item_ids)], dtype=np.int32))
    found = [item for item in ITEMS if selection.category in tags[item]]
    return SelectedItems.of(np.array(found, dtype=np.int32))


def array(pool: Sequence[int]) -> Any:
    return np.array(pool, dtype=np.int32)


# ---------------------------------------------------------------- the properties


@settings(max_examples=examples(400))
@given(
    pool=POOLS,
    limit=st.integers(1, 9),
    rules=drawn_rules(["pin", "reserve", "cap"]),
    tags=TAGS,
    colors=COLORED,
)
def test_a_list_is_arranged_as_the_model_arranges_it(
    pool: list[int], limit: int, rules: list[Rule], tags: Tags, colors: dict[int, str]
) -> None:
    made = resolved(rules, tags, colors)
    found = arrange(array(pool), limit, made)
    assert found.item_nos == model(pool, limit, rules, tags, colors)
    # Promises: as many as were asked for or all there are, each once, and nothing else.
    assert len(found.item_nos) == min(limit, len(pool))
    assert len(set(found.item_nos)) == len(found.item_nos)
    assert set(found.item_nos) <= set(pool)
    assert arrange(array(pool), limit, made) == found


@settings(max_examples=examples(200))
@given(pool=POOLS, limit=st.integers(1, 9), rules=drawn_rules(["cap"]), tags=TAGS, colors=COLORED)
def test_a_cap_is_kept_or_is_said_to_have_given_way(
    pool: list[int], limit: int, rules: list[Rule], tags: Tags, colors: dict[int, str]
) -> None:
    found = arrange(array(pool), limit, resolved(rules, tags, colors))
    if found.gave_way:
        return
    for rule in rules:
        window = rule.window or limit
        for begin in range(len(found.item_nos)):
            shown = found.item_nos[begin : begin + window]
            if rule.attribute:
                most = max(sum(colors[no] == color for no in shown) for color in COLORS)
            elif rule.item_ids is not None:
                most = sum(str(no) in rule.item_ids for no in shown)
            else:
                most = sum(rule.category in tags[no] for no in shown)
            assert most <= (rule.at_most or 0)


@settings(max_examples=examples(200))
@given(
    pool=POOLS,
    scores=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=12, max_size=12),
    rules=drawn_rules(["boost", "bury", "hide"]),
    tags=TAGS,
)
def test_scores_are_multiplied_by_every_rule_that_concerns_the_item(
    pool: list[int], scores: list[float], rules: list[Rule], tags: Tags
) -> None:
    made = resolved(rules, tags, dict.fromkeys(ITEMS, "red"))
    falling = sorted(scores[: len(pool)], reverse=True)
    scored = [*zip(pool, falling, strict=True)]
    ranked = BlendedRanking(array(pool), np.array(falling), {}, {})
    found = made.boosted(ranked)
    expected = {item: score * factor_of(item, rules, tags) for item, score in scored}
    assert dict(zip(found.item_nos.tolist(), found.scores.tolist(), strict=True)) == expected
    assert found.item_nos.tolist() == moved_by_model(scored, rules, tags)
    assert list(made.hidden) == [item for item in ITEMS if is_hidden(item, rules, tags)]


# ---------------------------------------------------------------- examples


def rule(do: str, **fields: Any) -> Rule:
    return Rule.model_validate({"name": do, "do": do, **fields})


PLAIN: Tags = {item: {"A"} if item % 2 else {"B"} for item in ITEMS}
RED = dict.fromkeys(ITEMS, "red")


def test_what_touched_an_item_is_reported() -> None:
    rules = [
        rule("pin", item_ids=["12"], position=2),
        rule("reserve", category="B", at_least=3),
        rule("cap", category="A", at_most=1, window=3),
    ]
    found = arrange(array([1, 3, 5, 7, 2, 4, 12]), 5, resolved(rules, PLAIN, RED))
    assert found.item_nos == [1, 12, 2, 3, 4]
    named = {no: [each.name for each in rules] for no, rules in found.touched.items()}
    assert named == {12: ["pin"], 2: ["reserve"], 4: ["reserve"], 3: ["cap"]}
    assert not found.gave_way


def test_a_list_that_has_nothing_else_is_not_shortened_by_a_cap() -> None:
    cap = [rule("cap", attribute="color", at_most=1)]
    found = arrange(array([3, 1, 2]), 5, resolved(cap, PLAIN, RED))
    assert found.item_nos == [3, 1, 2]
    assert found.gave_way


def test_the_cap_of_a_request_is_kept_where_rules_cap_too() -> None:
    cap = resolved([rule("cap", item_ids=["1", "2"], at_most=1)], PLAIN, RED)
    of_categories = CategoryCap(1, {no: sorted(PLAIN[no]) for no in ITEMS})
    found = arrange(array([1, 2, 3, 4]), 2, cap, of_categories)
    assert found.item_nos == [1, 4]


def test_what_a_pool_lacks_is_reported() -> None:
    rules = resolved(
        [
            rule("pin", category="A", position=1),
            rule("reserve", category="B", at_least=2),
            Rule(name="named", do="pin", item_ids=("9", "8"), position=2),
        ],
        PLAIN,
        RED,
    )
    assert arrange(array([2, 4, 9]), 5, rules).shortages == ()
    lacking = arrange(array([2]), 5, rules).shortages
    assert [(each.rule.name, each.count) for each in lacking] == [("pin", 1), ("reserve", 1)]
    assert rules.named == [9, 8]
