"""What a version of a placement decides otherwise than the one before, in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serving.console.wording import format_value
from serving.placements.placement_keeping import PlacementVersion

Definition = Mapping[str, Any]


def changes_by_version(versions: Sequence[PlacementVersion]) -> Mapping[int, Sequence[str]]:
    """By version, of versions newest first; the oldest of several is left out unless it is 1."""
    definitions = {each.version: each.definition for each in versions}
    return {
        version: [*changes(definitions.get(version - 1, {}), definition)]
        for version, definition in definitions.items()
        if version == 1 or version - 1 in definitions
    }


def changes(before: Definition, after: Definition) -> Iterator[str]:
    """Field by field; rules by their names."""
    for field in sorted(before.keys() | after.keys()):
        if field == "rules":
            yield from _changed_rules(before.get(field, ()), after.get(field, ()))
        elif field not in after:
            yield f"`{field}` as set"
        elif field not in before:
            yield f"`{field}`: {format_value(after[field])}"
        elif before[field] != after[field]:
            old, new = (format_value(each[field]) for each in (before, after))
            yield f"`{field}`: {old} \N{RIGHTWARDS ARROW} {new}"


def _changed_rules(before: Sequence[Definition], after: Sequence[Definition]) -> Iterator[str]:
    old, new = ({rule["name"]: rule for rule in rules} for rules in (before, after))
    yield from (f"rule `{name}` added" for name in new if name not in old)
    yield from (f"rule `{name}` changed" for name in new if name in old and old[name] != new[name])
    yield from (f"rule `{name}` removed" for name in old if name not in new)
    kept = [[name for name in names if name in old and name in new] for names in (old, new)]
    if kept[0] != kept[1]:
        yield "rules in another order"
