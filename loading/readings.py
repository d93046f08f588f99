"""How the columns of a source were read last time, and whether they can be read so again."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from domain.errors import InvalidInputError
from loading.fields import JOINT
from loading.layouts import Content
from loading.opened import OpenedFiles
from loading.options import LoadOptions
from loading.plans import EventsPlan, Plan

_MAY_BE_UNREAD = {"value", "scale"}
"""Read only where an event has a kind with values, which not all rows need have."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The columns of a series of files, or of a query."""

    columns: tuple[str, ...]
    fields: Mapping[str, str]
    """The column of each meaning."""


@dataclass(frozen=True, slots=True)
class Readings:
    """How a source was read."""

    series: Mapping[str, Reading] = field(default_factory=dict)
    """By file, numbers left out: event-1.csv and event-2.csv are one series."""
    scale: str | None = None
    order_ids: bool | None = None
    day_first: bool | None = None

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Readings":
        """What `to_dict` made."""
        series = {
            name: Reading(tuple(reading["columns"]), reading["fields"])
            for name, reading in stored["series"].items()
        }
        return cls(series, stored["scale"], stored["order_ids"], stored["day_first"])

    def to_dict(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "series": {
                name: {"columns": list(reading.columns), "fields": dict(reading.fields)}
                for name, reading in self.series.items()
            },
            "scale": self.scale,
            "order_ids": self.order_ids,
            "day_first": self.day_first,
        }

    def pinned(self, options: LoadOptions) -> LoadOptions:
        """The options with what was seen from earlier rows: a few new ones may show another."""
        return replace(
            options,
            scale=self.scale if options.scale is None else options.scale,
            order_ids=self.order_ids if options.order_ids is None else options.order_ids,
            day_first=self.day_first if options.day_first is None else options.day_first,
        )

    def followed_by(self, opened: OpenedFiles) -> "Readings":
        """The readings after another run."""
        series = dict(self.series)
        for plan in opened.plans:
            name = series_of(plan.table.source.name)
            before = series.get(name)
            kept = {} if before is None else before.fields
            now = _fields(plan)
            columns = plan.table.columns
            kept = {meaning: column for meaning, column in kept.items() if column in columns}
            series[name] = Reading(columns, kept | now)
        plans = [plan for plan in opened.plans if isinstance(plan, EventsPlan)]
        scales = {plan.scale for plan in plans if plan.scale is not None}
        with_ids = {plan.order_ids for plan in plans if "event_id" in plan.fields}
        orders = {plan.time.day_first for plan in plans if plan.time is not None} - {None}
        return Readings(
            series,
            str(scales.pop()) if len(scales) == 1 else self.scale,
            with_ids.pop() if len(with_ids) == 1 else self.order_ids,
            orders.pop() if len(orders) == 1 else self.day_first,
        )


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """What is different about the columns of a file."""

    file: str
    added: tuple[str, ...]
    missing: tuple[str, ...]
    faults: tuple[str, ...]
    """What was read and cannot be read any more, in sentences."""

    def to_text(self) -> str:
        """In a sentence."""
        parts = []
        if self.added:
            parts.append(f"new columns: {', '.join(self.added)}")
        if self.missing:
            parts.append(f"missing columns: {', '.join(self.missing)}")
        return " ".join([f"{self.file} has {'; '.join(parts)}." if parts else "", *self.faults])


def series_of(file: str) -> str:
    """The name of a file with a # for each number."""
    return re.sub(r"\d+", "#", file)


def gone_columns(before: Reading, columns: Sequence[str]) -> list[str]:
    """Columns that were read and are gone, each with what it was."""
    return [
        f"The column {column}, which was read as {meaning}, is gone."
        for meaning, column in before.fields.items()
        if column not in columns and not all(part in columns for part in column.split(JOINT))
    ]


def column_changes(before: Readings, opened: OpenedFiles) -> list[ColumnChange]:
    """What changed in the files that were read before, or in others of their series."""
    changes = []
    for plan in opened.plans:
        reading = before.series.get(series_of(plan.table.source.name))
        if reading is None:
            continue
        change = _change(reading, plan)
        if change.added or change.missing or change.faults:
            changes.append(change)
    return changes


def refuse_unreadable(before: Readings, skipped: Mapping[str, str]) -> None:
    """InvalidInputError if a file is not understood any more, while its series was."""
    for file, reason in skipped.items():
        reading = before.series.get(series_of(file))
        if reading is not None:
            read = ", ".join(f"{name} as {meaning}" for meaning, name in reading.fields.items())
            raise InvalidInputError(
                f"{file} is not understood any more. {reason} Until now these columns were read:"
                f" {read}. Nothing was stored."
            )


def _change(reading: Reading, plan: Plan) -> ColumnChange:
    columns, fields = plan.table.columns, _fields(plan)
    faults = gone_columns(reading, columns)
    for meaning, column in reading.fields.items():
        now = fields.get(meaning)
        if column not in columns or now == column:
            continue
        if now is not None:
            faults.append(f"{meaning} was read from {column}, and would be from {now}.")
        elif meaning not in _MAY_BE_UNREAD:
            faults.append(f"{meaning} was read from {column}, and would not be.")
    return ColumnChange(
        plan.table.source.name,
        tuple(column for column in columns if column not in reading.columns),
        tuple(column for column in reading.columns if column not in columns),
        tuple(faults),
    )


def _fields(plan: Plan) -> dict[str, str]:
    if plan.content is Content.ITEMS and not isinstance(plan, EventsPlan):
        attributes = {f"attribute {name}": column for name, column in plan.attributes.items()}
        return {**plan.fields, **attributes}
    return dict(plan.fields)
