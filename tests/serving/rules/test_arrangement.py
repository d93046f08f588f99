"""What rules make of a list, against a model in plain Python that goes through everything."""

from collections.abc import Sequence
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

ITEMS = range(1, 13)
COLORS = ("red", "green", "blue")
Tags = dict[int, set[str]]

# ---------------------------------------------------------------- the model


def model(
    pool: Sequence[int], limit: int, rules: Sequence[Rule], tags: Tags, colors: dict[int, str]
) -> list[int]:
    """The list: pins have their positions, reserves the places of the last, caps what remains."""
    pins = pins_of_model(pool, limit, rules, tags)
    others = [item for item in pool if item not in pins.values()]
    chosen = reserved_by_model(others, limit, pins, rules, tags)
    queue = by_rank(others, chosen) + [item for item in others if item not in chosen]
    groups = groups_of_model(rules, tags, colors)
    slots: list[int | None] = [pins.get(index) for index in range(limit)]
    for index in range(limit):
        if index in pins or not queue:
            continue
        allowed = [item for item in queue if kept([*slots], index, item, groups)]
        slots[index] = item = allowed[0] if allowed else queue[0]
        queue.remove(item)
    return [item for item in slots if item is not None]


def concerns(rule: Rule, item: int, tags: Tags) -> bool:
    if rule.item_ids is not None:
        return str(item) in rule.item_ids
    return rule.category in tags[item]


def pins_of_model(
    pool: Sequence[int], limit: int, rules: Sequence[Rule], tags: Tags
) -> dict[int, int]:
    pins: dict[int, int] = {}
    for rule in sorted((each for each in rules if each.do == "pin"), key=position_of):
        index = position_of(rule)
        named = [int(each) for each in rule.item_ids or ()]
        choice = [each for each in named if each in pool] if named else list(pool)
        free = [each for each in choice if concerns(rule, each, tags)]
        free = [each for each in free if each not in pins.values()]
        if index < limit and index not in pins and free:
            pins[index] = free[0]
    return pins


def reserved_by_model(
    others: Sequence[int], limit: int, pins: dict[int, int], rules: Sequence[Rule], tags: Tags
) -> set[int]:
    """What is in the list beside what is pinned."""
    chosen = set(others[: limit - len(pins)])
    reserves = [rule for rule in rules if rule.do == "reserve"]

    def spare(rule: Rule) -> int:
        """How many more than it must have a reserve has."""
        members = [each for each in chosen | set(pins.values()) if concerns(rule, each, tags)]
        return len(members) - (rule.at_least or 0)

    for rule in reserves:
        for item in others:
            if item in chosen or not concerns(rule, item, tags) or spare(rule) >= 0:
                continue
            needed = [reserve for reserve in reserves if spare(reserve) <= 0]
            leaving = [
                each
                for each in by_rank(others, chosen)
                if not any(concerns(reserve, each, tags) for reserve in [rule, *needed])
            ]
            chosen = chosen - {leaving[-1]} | {item} if leaving else chosen
    return chosen


def groups_of_model(
    rules: Sequence[Rule], tags: Tags, colors: dict[int, str]
) -> list[tuple[set[int], int, int]]:
    """The items that are capped together, how many may be shown, and in how many positions."""
    groups = []
    for rule in rules:
        if rule.do == "cap" and rule.attribute:
            members = [{item for item in ITEMS if colors[item] == color} for color in COLORS]
        elif rule.do == "cap":
            members = [{item for item in ITEMS if concerns(rule, item, tags)}]
        else:
            members = []
        groups += [(each, rule.at_most or 0, rule.window or 100) for each in members]
    return groups


def position_of(rule: Rule) -> int:
    return (rule.position or 0) - 1


def by_rank(order: Sequence[int], chosen: set[int]) -> list[int]:
    return [item for item in order if item in chosen]


def kept(
    slots: list[int | None], index: int, item: int, groups: list[tuple[set[int], int, int]]
) -> bool:
    """Whether no window with the item in it has too many of its groups."""
    slots[index] = item
    for members, most, window in groups:
        if item not in members:
            continue
        for begin in range(max(0, index - window + 1), index + 1):
            if sum(each in members for each in slots[begin : begin + window]) > most:
                return False
    return True


# ---------------------------------------------------------------- drawn rules

TAG = st.sampled_from(["A", "B", "C"])


@st.composite
def drawn_rules(draw: st.DrawFn, acts: Sequence[str]) -> list[Rule]:
    rules = []
    for number in range(draw(st.integers(0, 5))):
        act = draw(st.sampled_from(acts))
        said: dict[str, Any] = {"name": str(number), "do": act}
        if act == "cap" and draw(st.booleans()):
            said["attribute"] = "color"
        elif draw(st.booleans()):
            ids = st.lists(st.sampled_from(ITEMS), min_size=1, max_size=4, unique=True)
            said["item_ids"] = [str(item) for item in draw(ids)]
        else:
            said["category"] = draw(TAG)
        if act == "pin":
            said["position"] = draw(st.integers(1, 10))
        if act == "reserve":
            said["at_least"] = draw(st.integers(1, 6))
        if act == "cap":
            said["at_most"] = draw(st.integers(1, 3))
            said["window"] = draw(st.none() | st.integers(said["at_most"] + 1, 8))
        if act in {"boost", "bury"}:
            said["factor"] = draw(st.sampled_from([2, 3.5] if act == "boost" else [0, 0.5]))
        rules.append(Rule.model_validate(said))
    return rules


TAGS = st.fixed_dictionaries({item: st.sets(TAG) for item in ITEMS})
COLORED = st.fixed_dictionaries({item: st.sampled_from(COLORS) for item in ITEMS})
POOLS = st.lists(st.sampled_from(ITEMS), unique=True, max_size=len(ITEMS))


def resolved(rules: Sequence[Rule], tags: Tags, colors: dict[int, str]) -> ResolvedRules:
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
    given_scores = dict(zip(pool, scores, strict=False))
    expected, hidden = dict(given_scores), set()
    for rule in rules:
        for item in ITEMS:
            named = str(item) in (rule.item_ids or ()) or rule.category in tags[item]
            if named and rule.do == "hide":
                hidden.add(item)
            if named and rule.do != "hide" and item in expected:
                expected[item] *= rule.factor or 0.0
    ranked = BlendedRanking(array(pool), np.array([given_scores[no] for no in pool]), {}, {})
    found = made.boosted(ranked)
    assert dict(zip(found.item_nos.tolist(), found.scores.tolist(), strict=True)) == expected
    if expected != given_scores:
        in_order = sorted(pool, key=lambda item: (-expected[item], item))
        assert found.item_nos.tolist() == in_order
    assert list(made.hidden) == sorted(hidden)


# ---------------------------------------------------------------- examples


def rule(do: str, **said: Any) -> Rule:
    return Rule.model_validate({"name": do, "do": do, **said})


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
