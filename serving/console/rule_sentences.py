"""What rules say, in words, and contexts as people type them."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from serving.rules.rule import Act, Rule

ACTS: Mapping[Act, str] = {
    "boost": "Boost",
    "bury": "Bury",
    "pin": "Pin",
    "hide": "Hide",
    "cap": "Cap",
    "reserve": "Reserve",
}
MEANINGS: Mapping[Act, str] = {
    "boost": "Boost: multiply their scores",
    "bury": "Bury: divide their scores",
    "pin": "Pin: one of them stands at a position",
    "hide": "Hide: they are in no list",
    "cap": "Cap: so many of them at the most",
    "reserve": "Reserve: so many of them at the least",
}
_PLAIN = frozenset(',:"\n')


def format_effect(rule: Rule) -> str:
    """What a rule does with which items, as `Pin one of heat to position 1`."""
    items = _items(rule)
    match rule.do:
        case "boost" | "bury":
            return f"{ACTS[rule.do]} {items}: score \N{MULTIPLICATION SIGN} {rule.factor:g}"
        case "pin":
            return f"Pin one of {items} to position {rule.position}"
        case "hide":
            return f"Hide {items}"
        case "cap":
            where = f"any {rule.window} positions" if rule.window else "a list"
            return f"At most {rule.at_most} of {items} in {where}"
        case "reserve":
            return f"At least {rule.at_least} of {items} in a list"


def format_conditions(rule: Rule) -> str:
    """For whom and when it holds; empty: always."""
    sentences = []
    if rule.users is not None:
        sentences.append(f"for users with `{rule.users}`")
    if rule.when:
        sentences.append("where " + " and ".join(map(_condition, rule.when, rule.when.values())))
    if rule.starts_at is not None:
        sentences.append(f"from {_moment(rule.starts_at)} UTC")
    if rule.ends_at is not None:
        sentences.append(f"until {_moment(rule.ends_at)} UTC")
    return ", ".join(sentences)


def typed_context(when: Mapping[str, Sequence[str]] | None) -> str:
    """A condition on the context as it is typed: a line a name, as `device: phone, tablet`."""
    lines = ((name, ", ".join(map(_typed, values))) for name, values in (when or {}).items())
    return "\n".join(f"{_typed(name)}: {values}" for name, values in lines)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %Y, %H:%M}".lstrip("0")


def _typed(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if _PLAIN & {*text} else text


def _condition(name: str, values: Sequence[str]) -> str:
    return f"{name} is {' or '.join(values)}"


def _items(rule: Rule) -> str:
    if rule.item_ids is not None:
        count = len(rule.item_ids)
        return f"`{rule.item_ids[0]}`" if count == 1 else f"{count} items"
    if rule.category is not None:
        return f"the category `{rule.category}`"
    if rule.attribute is not None:
        return "each category" if rule.attribute == "category" else f"each `{rule.attribute}`"
    return f"items with `{rule.filter}`"
