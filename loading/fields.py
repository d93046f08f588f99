"""Fields: which column of a table has which meaning."""

import re
from collections.abc import Sequence
from dataclasses import replace
from shlex import quote

import duckdb

from domain.errors import InvalidInputError
from domain.event_words import normalized
from domain.identifiers import LONGEST_ID, ME, IdFault, id_fault
from loading.contexts import named_parts
from loading.duck import literal
from loading.foreign_words import foreign_meaning, is_foreign_noun, weak_meaning
from loading.kinds_plan import column_of_orders
from loading.last_resorts import (
    is_id_of_visit,
    item_of_last_resort,
    rating_of_last_resort,
    reviewer_of_last_resort,
)
from loading.layouts import Layout, columns_of
from loading.mistaken_columns import ask_about_row_numbers
from loading.options import NO_COLUMN, AmbiguousInputError, Choice, LoadOptions
from loading.tables import NOT_TEXT, Table
from loading.times import CLOCK, HOUR
from loading.words import (
    CONTEXT,
    EVENT_MEANINGS,
    ITEM_MEANINGS,
    candidates,
    is_second_choice,
    last_part,
)

JOINT = " + "
"""Between the names of two columns that are one: the day and the time of day."""
USER = "--user"
"""Stands for the column of users where all is of one person."""

HOURS = {"hour", "hr", "hh", "hourofday", "orderhour", "orderhourofday", "eventhour"}
"""Columns of the hour of a day."""
_PEOPLE = {"email", "age", "gender", "sex", "firstname", "lastname", "birthday", "password"}
_DONE_AT = re.compile(
    "(checkout|checkin|loan|borrow(ed)?|watched|played|listened|viewed|ordered|order|purchased?"
    "|rent(al|ed)?|read|visit(ed)?|rated)(date|time|datetime|at|on)"
)
"""Columns of what people did."""
_WEAK_TEXTS = {
    "value": r"\d{1,2}([.,]\d{1,2})?",
    "time": r"(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](\d\d){1,2})([T ].*)?",
}
_ID_BEFORE = re.compile("id_", re.IGNORECASE)
"""Begins the names of ids in languages in which a noun follows."""
_REVIEWS = {"review", "reviewtext", "comment", "body", "rating", "stars", "score"}
_GOODS = {"price", "description", "category", "categories", "genre", "genres", "sku", "brand"}


def find_fields(
    duck: duckdb.DuckDBPyConnection, table: Table, layout: Layout | None, options: LoadOptions
) -> dict[str, str]:
    """The column of each meaning: as said, as the layout has it, as its name says."""
    fields = _of_layout(duck, table, layout) if layout is not None else {}
    fields = fields or _by_name(duck, table, options)
    for meaning, column in options.columns.items():
        if column == NO_COLUMN:
            fields.pop(meaning, None)
        else:
            fields[meaning] = _existing(table, meaning, column)
    return fields


def _of_layout(duck: duckdb.DuckDBPyConnection, table: Table, layout: Layout) -> dict[str, str]:
    """The columns of a layout; of items another one by its name where the layout's is empty."""
    fields = columns_of(layout, table)
    item = fields.get("item_id", "")
    if table.rows and item in table.expressions and not has_values(duck, table, item):
        for other in candidates("item_id", table.columns):
            if has_values(duck, table, other):
                return {**fields, "item_id": other}
    return fields


def with_joint_time(table: Table, fields: dict[str, str]) -> Table:
    """The table, with a column of the day and the time of day where these are two."""
    day, joint, clock = fields.get("time", "").partition(JOINT)
    if not joint or fields["time"] in table.expressions:
        return table
    name, texts = fields["time"], table.expressions
    of_day = f"trim({texts[clock]})"
    if _all_match(table, clock, HOUR):
        of_day = f"lpad(regexp_replace({of_day}, '\\.0$', ''), 2, '0') || ':00:00'"
    joined = f"trim({texts[day]}) || ' ' || coalesce({of_day}, '')"
    sample = tuple({**row, name: f"{row.get(day)} {row.get(clock)}"} for row in table.sample)
    return replace(table, expressions={**texts, name: joined}, sample=sample)


def with_joint_item(table: Table, fields: dict[str, str]) -> Table:
    """The table, with a column of two whose texts are the item's id together."""
    first, joint, second = fields.get("item_id", "").partition(JOINT)
    if not joint or fields["item_id"] in table.expressions:
        return table
    name, texts = fields["item_id"], table.expressions
    given = [f"nullif(trim({texts[each]}), '')" for each in (first, second)]
    sample = tuple({**row, name: f"{row.get(first)} {row.get(second)}"} for row in table.sample)
    joined = f"{given[0]} || coalesce(' ' || {given[1]}, '')"
    return replace(table, expressions={**texts, name: joined}, sample=sample)


def with_user(table: Table, fields: dict[str, str], user: str | None) -> Table:
    """The table, with a column of the person who did all of it, where its rows are events.

    Raises InvalidInputError if that can be no id.
    """
    acts = {"time", "value", "kind", "event_id"} & set(fields)
    if user is None or not ("item_id" in fields and (acts or "title" not in fields)):
        return table
    if len(user) > LONGEST_ID or id_fault(user) is not None:
        raise InvalidInputError(f"--user {user} can be no id of a user.")
    if user == ME:
        raise InvalidInputError(f"--user {user}: {IdFault.RESERVED.value}. Give another id.")
    fields["user_id"] = USER
    sample = tuple({**row, USER: user} for row in table.sample)
    return replace(table, expressions={**table.expressions, USER: literal(user)}, sample=sample)


def _by_name(duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions) -> dict[str, str]:
    fields = {}
    for meaning in (*EVENT_MEANINGS, *ITEM_MEANINGS):
        found = [
            each
            for each in candidates(meaning, table.columns)
            if each not in options.columns.values()
        ]
        found = [each for each in found if not any(other.startswith(f"{each}.") for other in found)]
        if meaning in {"user_id", "item_id"}:
            found = [each for each in found if not _are_objects(table, each)]
        if len(found) > 1:
            found = [each for each in found if has_values(duck, table, each)] or found
        if found and meaning not in options.columns:
            if meaning == "item_id":
                ask_about_row_numbers(duck, table, found)
            _refuse_equals(meaning, found)
            fields[meaning] = found[0] if meaning != "time" else _time(table, found)
    fields |= _by_weak_names(table, {*fields, *options.columns})
    if CONTEXT not in fields and CONTEXT not in options.columns:
        fields |= named_parts(table, options)
    return _with_last_resorts(duck, table, options, fields)


def _with_last_resorts(
    duck: duckdb.DuckDBPyConnection, table: Table, options: LoadOptions, fields: dict[str, str]
) -> dict[str, str]:
    """The fields, with users and items that are such only where no other column is."""
    is_noun = options.user is None and is_foreign_noun(fields.get("item_id", ""))
    if ("item_id" not in fields or is_noun) and "user_id" not in fields:
        own = next((each for each in table.columns if normalized(each) == "id"), None)
        if own is not None and _is_item(table, fields.get("title")):
            is_visit = options.user is not None and is_id_of_visit(duck, table, own)
            fields |= {} if is_visit else {"item_id": own}
    meanings = {*fields, *options.columns}
    if "value" not in meanings:
        rating = rating_of_last_resort(table, fields, set(options.columns.values()))
        fields |= {} if rating is None else {"value": rating}
    if "user_id" not in meanings and options.user is None:
        reviewer = reviewer_of_last_resort(duck, table, fields)
        fields |= {} if reviewer is None else {"user_id": reviewer}
    if "item_id" not in meanings and ("user_id" in fields or options.user is not None):
        is_of_one = options.user is not None
        item = item_of_last_resort(duck, table, fields, is_of_one_person=is_of_one)
        fields |= {} if item is None else {"item_id": item}
    return fields


def _by_weak_names(table: Table, known: set[str]) -> dict[str, str]:
    """Columns such as `note` and `data`, of marks in French and of dates in Italian."""
    found = {}
    for column in table.columns:
        meaning = weak_meaning(column)
        if meaning is None or meaning in known or "user_id" not in known:
            continue
        if not _all_match(table, column, _WEAK_TEXTS[meaning]):
            continue
        if meaning != "value" or _may_be_marks(table, column):
            found[meaning] = column
    return found


def _may_be_marks(table: Table, column: str) -> bool:
    """Whether `note` is of all rows, of no orders, and among names that are not English."""
    others = [each for each in table.columns if each != column]
    is_foreign = any(foreign_meaning(each) or _ID_BEFORE.match(each) for each in others)
    is_of_all = all((row.get(column) or "").strip() for row in table.sample)
    return is_foreign and is_of_all and column_of_orders(table) is None


def _are_objects(table: Table, column: str) -> bool:
    texts = [text for row in table.sample if (text := row.get(column))]
    return bool(texts) and all(text.startswith(f"{NOT_TEXT}{{") for text in texts)


def has_values(duck: duckdb.DuckDBPyConnection, table: Table, column: str) -> bool:
    """Whether any row of a table has a text in a column."""
    (found,) = duck.execute(
        f"select exists (select 1 from {table.view} where fault is null"
        f" and trim({table.expressions[column]}) <> '')"
    ).fetchall()[0]
    return bool(found)


def _time(table: Table, found: Sequence[str]) -> str:
    """The likeliest time; the day and the time of day, or the hour, if these are two columns."""
    clocks = [each for each in found if _all_match(table, each, CLOCK)]
    days = [each for each in found if each not in clocks]
    if len(clocks) != 1 or not days or (days[0] == found[0] and not _is_day(table, days[0])):
        return _with_hour(table, found[0])
    return f"{days[0]}{JOINT}{clocks[0]}"


def _with_hour(table: Table, day: str) -> str:
    hours = [each for each in table.columns if last_part(each) in HOURS and each != day]
    is_hour = len(hours) == 1 and _is_day(table, day) and _all_match(table, hours[0], HOUR)
    return f"{day}{JOINT}{hours[0]}" if is_hour else day


def _is_day(table: Table, column: str) -> bool:
    return _all_match(table, column, r"[^:T]{6,}") and not _all_match(table, column, r"\d{9,}.*")


def _all_match(table: Table, column: str, pattern: str) -> bool:
    texts = [text.strip() for row in table.sample if (text := row.get(column))]
    return bool(texts) and all(re.fullmatch(pattern, text) for text in texts)


def _is_item(table: Table, title: str | None) -> bool:
    """Whether rows with an `id` of their own are items, and not people or reviews."""
    names = {normalized(each) for each in table.columns}
    if title is None or names & _PEOPLE or (names & _REVIEWS and "price" not in names):
        return False
    # The `id` of a row that has a film in it is not the film's.
    if "." in title or any(map(_DONE_AT.fullmatch, names)):
        return False
    return normalized(title) != "name" or bool(names & _GOODS)


def _refuse_equals(meaning: str, found: Sequence[str]) -> None:
    """Two columns that are as likely: nobody but the owner knows which."""
    if meaning not in {"user_id", "item_id"}:
        return
    likely = [name for name in found if not is_second_choice(name)]
    plain = {normalized(meaning), meaning.removesuffix("_id")}
    is_twice = len({normalized(name) for name in likely[:2]}) == 1
    if len(likely) > 1 and (is_twice or normalized(likely[0]) not in plain):
        raise AmbiguousInputError(
            f"The {meaning} may be {' or '.join(likely)}.",
            [
                Choice(name, f"--column {quote(f'{meaning}={name}')}", {"columns": {meaning: name}})
                for name in likely
            ],
        )


def _existing(table: Table, meaning: str, column: str) -> str:
    if column in table.expressions:
        return column
    parts = [part.strip() for part in column.split("+")]
    is_joint = meaning in {"time", "item_id"} and len(parts) == 2  # noqa: PLR2004
    if is_joint and all(each in table.expressions for each in parts):
        return JOINT.join(parts)
    if column.isdigit() and 1 <= int(column) <= len(table.columns):
        return table.columns[int(column) - 1]
    raise InvalidInputError(
        f"--column {meaning}={column}: {table.source.name} has the columns"
        f" {', '.join(table.columns)}."
    )
