"""Rules that get into each other's way, found when they are stored. None is refused for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from pydantic import BaseModel, Field

from serving.rules.rule import Act, Rule, Selection
from serving.rules.rule_set import ItemNos

DEFAULT_LIMIT = 20
"""Items of a list, where nothing is said."""


class RuleConflict(BaseModel):
    """Rules of which one does not come to its own because of the others."""

    rules: tuple[str, ...] = Field(
        description="Their names.", examples=[["no horror", "horror first"]]
    )
    detail: str = Field(
        description="What happens.",
        examples=["All of what 'horror first' is to pin is hidden by 'no horror'."],
    )


def conflicts(
    rules: Sequence[Rule],
    *,
    limit: int = DEFAULT_LIMIT,
    item_nos: Mapping[Selection, ItemNos] | None = None,
) -> list[RuleConflict]:
    """What gets into each other's way where two rules hold for the same request.

    `limit`: how many items a list has. `item_nos`: the items of each selection, if they are known;
    otherwise two rules concern the same items only if they say so in the same words. Two different
    filters of users are taken for filters of different users.
    """
    known = item_nos or {}
    return [
        *_too_far(rules, limit),
        *(
            RuleConflict(rules=(first.name, second.name), detail=detail)
            for first, second in combinations(rules, 2)
            if _may_meet(first, second)
            for detail in _details(first, second, limit, known)
        ),
        *_too_many_reserved(rules, limit),
    ]


def _too_far(rules: Sequence[Rule], limit: int) -> Iterator[RuleConflict]:
    for rule in rules:
        if rule.position is not None and rule.position > limit:
            detail = f"It pins to position {rule.position}, and a list has {limit} items."
            yield RuleConflict(rules=(rule.name,), detail=detail)
        if rule.at_least is not None and rule.at_least > limit:
            detail = f"It reserves {rule.at_least} positions, and a list has {limit} items."
            yield RuleConflict(rules=(rule.name,), detail=detail)


def _too_many_reserved(rules: Sequence[Rule], limit: int) -> Iterator[RuleConflict]:
    reserving = [rule for rule in rules if rule.at_least is not None and rule.at_least <= limit]
    together = sum(rule.at_least or 0 for rule in reserving)
    meet = all(_may_meet(*pair) for pair in combinations(reserving, 2))
    if len(reserving) > 1 and together > limit and meet:
        detail = (
            f"Together they reserve {together} positions, and a list has {limit} items: the last"
            " ones get what is left."
        )
        yield RuleConflict(rules=tuple(rule.name for rule in reserving), detail=detail)


def _may_meet(first: Rule, second: Rule) -> bool:
    """Whether both can hold for one request."""
    apart_in_time = (
        first.ends_at is not None
        and second.starts_at is not None
        and first.ends_at <= second.starts_at
    ) or (
        second.ends_at is not None
        and first.starts_at is not None
        and second.ends_at <= first.starts_at
    )
    other_users = None not in {first.users, second.users} and first.users != second.users
    when, other = first.when or {}, second.when or {}
    other_context = any(set(when[name]).isdisjoint(other[name]) for name in when.keys() & other)
    return not (apart_in_time or other_users or other_context)


def _details(
    first: Rule, second: Rule, limit: int, known: Mapping[Selection, ItemNos]
) -> Iterator[str]:
    for one_way in ((first, second), (second, first)):
        judge = _JUDGES.get((one_way[0].do, one_way[1].do))
        if judge is not None and (first is one_way[0] or first.do != second.do):
            yield from judge(*one_way, limit, known)


def _two_pins(
    first: Rule, second: Rule, _limit: int, _known: Mapping[Selection, ItemNos]
) -> Iterator[str]:
    if first.position == second.position:
        yield (
            f"Both pin to position {first.position}: what {first.name!r} pins is shown there, and"
            f" what {second.name!r} pins only where nothing of it may be shown."
        )


def _hidden(
    hiding: Rule, other: Rule, _limit: int, known: Mapping[Selection, ItemNos]
) -> Iterator[str]:
    shared = _shared(hiding, other, known)
    if shared:
        extent = "All" if shared == "all" else "Some"
        yield f"{extent} of what {other.name!r} is to {other.do} is hidden by {hiding.name!r}."


def _capped(
    cap: Rule, reserve: Rule, limit: int, known: Mapping[Selection, ItemNos]
) -> Iterator[str]:
    if cap.selection is None or cap.at_most is None or reserve.at_least is None:
        return
    # All that is reserved is capped: so many positions of a list can have it.
    if _shared(cap, reserve, known) != "all":
        return
    whole, rest = divmod(limit, min(cap.window or limit, limit))
    most = whole * cap.at_most + min(rest, cap.at_most)
    if reserve.at_least > most:
        yield (
            f"{cap.name!r} lets at most {most} of the {reserve.at_least} items that"
            f" {reserve.name!r} reserves into a list of {limit}: the cap is kept."
        )


def _opposed(
    boost: Rule, bury: Rule, _limit: int, known: Mapping[Selection, ItemNos]
) -> Iterator[str]:
    if _shared(boost, bury, known):
        yield (
            f"Items are boosted by {boost.name!r} and buried by {bury.name!r}: their scores are"
            f" multiplied by {(boost.factor or 1) * (bury.factor or 1):g}."
        )


_Judge = Callable[[Rule, Rule, int, Mapping[Selection, ItemNos]], Iterator[str]]
_JUDGES: Mapping[tuple[Act, Act], _Judge] = {
    ("pin", "pin"): _two_pins,
    ("hide", "pin"): _hidden,
    ("hide", "reserve"): _hidden,
    ("hide", "boost"): _hidden,
    ("cap", "reserve"): _capped,
    ("boost", "bury"): _opposed,
}


def _shared(first: Rule, second: Rule, known: Mapping[Selection, ItemNos]) -> str:
    """How many of the second's items are among the first's: `all`, `some`, or none (empty)."""
    of_first, of_second = first.selection, second.selection
    if of_first is None or of_second is None:
        return ""
    if of_first in known and of_second in known:
        among = np.isin(known[of_second], known[of_first])
        return ("all" if among.all() else "some") if among.any() else ""
    if of_first == of_second:
        return "all"
    both = set(of_first.item_ids) & set(of_second.item_ids)
    return ("all" if both == set(of_second.item_ids) else "some") if both else ""
