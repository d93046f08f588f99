"""What rules make of a list, in plain Python that goes through everything."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from serving.rules.rule import Rule

ITEMS = range(1, 13)
COLORS = ("red", "green", "blue")
Tags = Mapping[int, set[str]]
Colors = Mapping[int, str]


def ruled_by_model(
    scored: Sequence[tuple[int, float]],
    limit: int,
    rules: Sequence[Rule],
    tags: Tags,
    colors: Colors,
    *,
    shown: int = 0,
) -> list[int]:
    """The page after `shown` items of a list that is this without rules."""
    left = [(item, score) for item, score in scored if not is_hidden(item, rules, tags)]
    return model(moved_by_model(left, rules, tags), limit, rules, tags, colors, shown=shown)


def is_hidden(item: int, rules: Sequence[Rule], tags: Tags) -> bool:
    return any(rule.do == "hide" and concerns(rule, item, tags) for rule in rules)


def moved_by_model(
    scored: Sequence[tuple[int, float]], rules: Sequence[Rule], tags: Tags
) -> list[int]:
    """In the order of the scores times all factors; without scores, of reciprocal ranks."""
    has_scores = any(score > 0 for _, score in scored)
    keys = []
    for place, (item, score) in enumerate(scored):
        weighed = score if has_scores else 1 / (place + 1)
        factor = factor_of(item, rules, tags)
        moved = weighed * factor if weighed > 0 else weighed
        keys.append((factor == 0, -moved, place, item))
    return [item for *_, item in sorted(keys)]


def factor_of(item: int, rules: Sequence[Rule], tags: Tags) -> float:
    factor = 1.0
    for rule in rules:
        if rule.factor is not None and concerns(rule, item, tags):
            factor *= rule.factor
    return factor


def model(
    pool: Sequence[int],
    limit: int,
    rules: Sequence[Rule],
    tags: Tags,
    colors: Colors,
    *,
    shown: int = 0,
) -> list[int]:
    """The list: pins have their positions, reserves the places of the last, caps what remains."""
    pins = pins_of_model(pool, limit, rules, tags, shown)
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
    pool: Sequence[int], limit: int, rules: Sequence[Rule], tags: Tags, shown: int = 0
) -> dict[int, int]:
    pins: dict[int, int] = {}
    for rule in sorted((each for each in rules if each.do == "pin"), key=position_of):
        index = position_of(rule) - shown
        named = [int(each) for each in rule.item_ids or ()]
        choice = [each for each in named if each in pool] if named else list(pool)
        free = [each for each in choice if concerns(rule, each, tags)]
        free = [each for each in free if each not in pins.values()]
        if 0 <= index < limit and index not in pins and free:
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
    rules: Sequence[Rule], tags: Tags, colors: Colors
) -> list[tuple[set[int], int, int]]:
    """The items that are capped together, how many may be shown, and in how many positions."""
    groups = []
    for rule in rules:
        if rule.do == "cap" and rule.attribute:
            members = [{item for item in colors if colors[item] == color} for color in COLORS]
        elif rule.do == "cap":
            members = [{item for item in tags if concerns(rule, item, tags)}]
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
ALL_ACTS = ("boost", "bury", "pin", "hide", "cap", "reserve")


@st.composite
def drawn_rules(
    draw: st.DrawFn, acts: Sequence[str], among: Sequence[int] = ITEMS, least: int = 0
) -> list[Rule]:
    rules = []
    for number in range(draw(st.integers(least, 5))):
        act = draw(st.sampled_from(acts))
        fields: dict[str, Any] = {"name": str(number), "do": act}
        if act == "cap" and draw(st.booleans()):
            fields["attribute"] = "color"
        elif draw(st.booleans()):
            ids = st.lists(st.sampled_from(among), min_size=1, max_size=4, unique=True)
            fields["item_ids"] = [str(item) for item in draw(ids)]
        else:
            fields["category"] = draw(TAG)
        if act == "pin":
            fields["position"] = draw(st.integers(1, 10))
        if act == "reserve":
            fields["at_least"] = draw(st.integers(1, 6))
        if act == "cap":
            fields["at_most"] = draw(st.integers(1, 3))
            fields["window"] = draw(st.none() | st.integers(fields["at_most"] + 1, 8))
        if act in {"boost", "bury"}:
            fields["factor"] = draw(st.sampled_from([2, 3.5] if act == "boost" else [0, 0.5]))
        rules.append(Rule.model_validate(fields))
    return rules
