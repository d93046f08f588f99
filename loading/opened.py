"""Opened files: what each is understood to hold, in the order in which they are loaded."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from domain.errors import InvalidInputError
from domain.interactions import EventKind, Scale, parse_scale
from loading.duck import opened_duck
from loading.fields import JOINT, USER
from loading.layouts import Content
from loading.opening import open_table
from loading.options import ALL_ATTRIBUTES, NO_COLUMN, AmbiguousInputError, LoadOptions
from loading.planning import make_plan
from loading.plans import EventsPlan, ItemsPlan, NothingToLoadError, Plan
from loading.scales import SeenRatings, find_scale, read_on, refuse_few_points
from loading.sources import Sources, opened_sources
from loading.tables import Table, unreadable

_DIGITS = re.compile(r"\d+")
_ORDER = (Content.TAGS, Content.ITEMS, Content.EVENTS)


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """Files that can be read, with what they are understood to hold."""

    duck: duckdb.DuckDBPyConnection
    plans: tuple[Plan, ...]
    """Tags, then items, then events."""
    skipped: Mapping[str, str]
    """Files that are not loaded, and why."""

    @property
    def total_rows(self) -> int:
        """Rows of all files."""
        return sum(plan.table.rows for plan in self.plans)

    @property
    def has_items(self) -> bool:
        """Whether any file brings items."""
        return any(plan.content is Content.ITEMS for plan in self.plans)


@contextmanager
def opened_files(
    arguments: Sequence[str], options: LoadOptions, kinds: Sequence[EventKind]
) -> Iterator[OpenedFiles]:
    """The files behind the arguments; what was written on the way is gone at the end.

    Raises InvalidInputError, with what would help, if nothing can be loaded, and
    AmbiguousInputError if only their owner knows how a file is meant.
    """
    if options.scale is not None:
        parse_scale(options.scale)
    with tempfile.TemporaryDirectory(prefix="tandem-load-") as folder:
        spool = Path(folder)
        with (
            opened_sources(arguments, options, spool) as sources,
            opened_duck(spool, options.time_zone) as duck,
        ):
            yield _understood(duck, sources, options, kinds, spool)


def _understood(
    duck: duckdb.DuckDBPyConnection,
    sources: Sources,
    options: LoadOptions,
    kinds: Sequence[EventKind],
    spool: Path,
) -> OpenedFiles:
    plans: list[Plan] = []
    skipped = dict(sources.skipped)
    unused = set(options.columns.values()) - {NO_COLUMN}
    unused_attributes = set(options.attributes) - {ALL_ATTRIBUTES}
    headless: list[Table] = []
    for number, source in enumerate(sources.files):
        try:
            table = open_table(duck, source, number, options, spool)
            headless += [table] if table.is_headless else []
            unused -= {each for each in unused if _is_of(table, each)}
            unused_attributes -= set(table.columns)
            plans.append(_planned(duck, table, _options_of(table, options), kinds))
        except AmbiguousInputError:
            raise
        except InvalidInputError as error:
            if source.is_named and not isinstance(error, NothingToLoadError):
                raise
            skipped[source.name] = str(error).removeprefix(f"{source.name} ")
    if not any(plan.content is not Content.TAGS for plan in plans):
        reasons = " ".join(skipped.values()) or "Tags are loaded with the items they are of."
        raise InvalidInputError(f"There are neither events nor items to load. {reasons}")
    _refuse_parts(plans, [table for table in headless if table.source.name in skipped])
    _refuse_unused(plans, options, unused | unused_attributes)
    plans = _of_one_scale(plans)
    plans.sort(key=lambda plan: _ORDER.index(plan.content))
    return OpenedFiles(duck, tuple(plans), skipped)


def _refuse_parts(plans: Sequence[Plan], headless: Sequence[Table]) -> None:
    """InvalidInputError for parts of one log of which only the first has the heading."""
    for table in headless:
        part = _DIGITS.sub("", table.source.name)
        for plan in plans:
            first = plan.table
            is_same = _DIGITS.sub("", first.source.name) == part and not first.is_headless
            if is_same and _is_alike(plan, table):
                raise InvalidInputError(
                    f"{table.source.name} has no heading, as {first.source.name} has: parts of one"
                    " log, perhaps, of which only the first has it. Put them together with `cat`."
                )


def _is_alike(first: Plan, table: Table) -> bool:
    """Whether a file without heading has as many columns as another, and its times or its items."""
    names = list(first.table.stored_names)
    column = (first.fields.get("time") or first.fields["item_id"]).partition(JOINT)[0]
    if len(names) != len(table.stored_names) or column not in names:
        return False
    below = table.columns[names.index(column)]
    forms = {_form(row.get(column)) for row in first.table.sample} - {""}
    return any(_form(row.get(below)) in forms for row in table.sample)


def _form(text: str | None) -> str:
    """How a text is written: `2020-9-1` as `0-0-0`, and a number as `0` and its length."""
    text = (text or "").strip()
    if text.isdigit():
        return f"0 {len(text)}"
    return re.sub("[a-z]+", "a", _DIGITS.sub("0", text.lower()))


def _is_of(table: Table, column: str) -> bool:
    """Whether an option names a column of a table, or two as in `day+clock`."""
    numbers = {str(number) for number in range(1, len(table.columns) + 1)}
    names = numbers.union(table.columns)
    return column in names or {part.strip() for part in column.split("+")} <= names


def _options_of(table: Table, options: LoadOptions) -> LoadOptions:
    """The options as far as they speak of columns of this table: of several files each has some."""
    return replace(
        options,
        columns={
            meaning: column
            for meaning, column in options.columns.items()
            if column == NO_COLUMN or _is_of(table, column)
        },
        attributes=tuple(
            each for each in options.attributes if each in (ALL_ATTRIBUTES, *table.columns)
        ),
    )


def _refuse_unused(plans: Sequence[Plan], options: LoadOptions, unused: set[str]) -> None:
    """What was said and holds for no file is a mistake, and nothing is stored."""
    if unused:
        have = "; ".join(
            f"{plan.table.source.name} has {', '.join(plan.table.columns[:30])}" for plan in plans
        )
        raise InvalidInputError(f"No file has the column {', '.join(sorted(unused))}: {have}.")
    if options.scale is not None and not any(
        isinstance(plan, EventsPlan) and plan.scale is not None for plan in plans
    ):
        raise InvalidInputError(f"--scale {options.scale}: no file has ratings.")
    if options.user is not None and not any(plan.fields.get("user_id") == USER for plan in plans):
        raise InvalidInputError(f"--user {options.user}: no file has events.")
    if options.layout is not None and not any(plan.layout is not None for plan in plans):
        raise InvalidInputError(f"No file is of the layout {options.layout}.")


def _planned(
    duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions, kinds: Sequence[EventKind]
) -> Plan:
    try:
        return make_plan(duck, table, options, kinds)
    except duckdb.Error as error:
        raise unreadable(table.source, error) from error


def _of_one_scale(plans: Sequence[Plan]) -> list[Plan]:
    """Files of the same columns are parts of one log, whose ratings lie on one scale."""
    found: dict[tuple[str, ...], list[Scale]] = {}
    seen: dict[tuple[str, tuple[str, ...]], list[SeenRatings]] = {}
    for plan in plans:
        if isinstance(plan, EventsPlan) and plan.scale is not None:
            found.setdefault(plan.table.columns, []).append(plan.scale)
            if plan.seen_ratings is not None:
                seen.setdefault((plan.fields["value"], plan.table.columns), []).append(
                    plan.seen_ratings
                )
    for (column, _), ratings in seen.items():
        refuse_few_points(column, ratings)
    return [
        _on_scale(plan, _joint(plan, found[plan.table.columns]))
        if isinstance(plan, EventsPlan) and plan.scale is not None
        else plan
        for plan in plans
    ]


def _on_scale(plan: EventsPlan, scale: Scale) -> EventsPlan:
    if scale == plan.scale:
        return plan
    columns = tuple(
        replace(column, read_as=read_on(scale)) if column.meaning == "value" else column
        for column in plan.columns
    )
    return replace(plan, scale=scale, columns=columns)


def _joint(plan: EventsPlan, scales: Sequence[Scale]) -> Scale:
    if len(set(scales)) == 1:
        return scales[0]
    least, greatest = min(each.least for each in scales), max(each.greatest for each in scales)
    return find_scale(plan.fields["value"], least, greatest)


def mapping_of(plans: Sequence[Plan], options: LoadOptions) -> dict[str, object]:
    """How the files are read, as the row of the load keeps it."""
    return {
        "files": [
            {
                "file": plan.table.source.name,
                "layout": plan.layout,
                "columns": {column.meaning: column.name for column in plan.columns},
                **(_events_mapping(plan) if isinstance(plan, EventsPlan) else _items_mapping(plan)),
            }
            for plan in plans
        ],
        "time_zone": options.time_zone,
        **({} if options.user is None else {"user": options.user}),
    }


def _events_mapping(plan: EventsPlan) -> dict[str, object]:
    return {
        "kind": plan.kind,
        "kinds": dict(plan.kinds),
        "times": None if plan.time is None else plan.time.description,
        "scale": None if plan.scale is None else str(plan.scale),
    }


def _items_mapping(plan: ItemsPlan) -> dict[str, object]:
    return {"attributes": dict(plan.attributes)}
