"""What a file of placements would change."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serving.placements.definition import PlacementDefinition
from serving.placements.placement_keeping import PlacementChange, PlacementVersion

Kind = Literal["new", "changed", "ended", "same"]
_SIGNS: Mapping[Kind, str] = {"new": "+", "changed": "~", "ended": "-", "same": " "}


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What becomes of one placement."""

    name: str
    kind: Kind
    base_version: int
    """The version it was compared with; 0: there was none."""
    definition: PlacementDefinition | None
    """None: it is ended."""
    differences: Mapping[str, tuple[Any, Any]]
    """By field what is decided before and after; None: nothing."""

    def change(self) -> PlacementChange:
        """It as it is applied."""
        return PlacementChange(self.name, self.base_version, self.definition)

    def to_dict(self) -> dict[str, Any]:
        """It for programs."""
        differences = {
            name: {"before": before, "after": after}
            for name, (before, after) in self.differences.items()
        }
        fields = {"name": self.name, "change": self.kind, "base_version": self.base_version}
        return fields | {"differences": differences}


def planned_changes(
    wanted: Mapping[str, PlacementDefinition | None], found: Sequence[PlacementVersion]
) -> list[PlannedChange]:
    """What is to become of each that is wanted; what nobody names stays as it is."""
    in_force = {version.name: version for version in found}
    return [_planned(name, definition, in_force.get(name)) for name, definition in wanted.items()]


def _planned(
    name: str, wanted: PlacementDefinition | None, found: PlacementVersion | None
) -> PlannedChange:
    before = {} if found is None else found.definition
    after = {} if wanted is None else wanted.to_dict()
    differences = {
        field: (before.get(field), after.get(field))
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    }
    version = 0 if found is None else found.version
    kind: Kind = "same"
    if wanted is None and version:
        kind = "ended"
    elif wanted is not None and found is None:
        kind = "new"
    elif wanted is not None and differences:
        kind = "changed"
    return PlannedChange(name, kind, version, wanted, differences)


def format_plan(changes: Sequence[PlannedChange]) -> str:
    """It for people, with a line for each field that changes."""
    lines = list[str]()
    for change in changes:
        lines.append(f"{_SIGNS[change.kind]} {change.name}: {_what(change)}")
        lines += [
            f"    {field}: {_shown(before)} -> {_shown(after)}"
            for field, (before, after) in change.differences.items()
        ]
    return "\n".join(lines)


def _what(change: PlannedChange) -> str:
    if change.kind == "new":
        return "new"
    if change.kind == "same":
        return "stays as it is"
    becomes = "is ended" if change.kind == "ended" else f"becomes {change.base_version + 1}"
    return f"version {change.base_version} {becomes}"


def _shown(value: Any) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
