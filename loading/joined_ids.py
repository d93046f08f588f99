"""Several ids of items in one field, as `a|b` or `["a", "b"]`: an event for each."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import duckdb

from domain.errors import InvalidInputError
from loading.dialect import given_separator
from loading.duck import identifier, literal
from loading.options import NO_COLUMN, AmbiguousInputError, Choice, LoadOptions
from loading.plans import THOUSANDS
from loading.tables import NOT_TEXT, Table, count_rows, sampled

_SPLIT = "split_items"
"""What the column of single ids is called in the view."""
_LOOKED_AT = 10_000
_JOINED = rf"[|;, ]|^{NOT_TEXT}?\["
_LIST = re.compile(r"\[[^{]*\]|\{[^{:]*\}")
_NUMBERED = re.compile(r"[A-Za-z_-]*\d[\w-]*")
"""What is no word of a title."""
_MANY = 0.01
"""Of ids that differ; of less than that, one has a sign in it by chance."""
_MOST = 0.5
_DIGITS = re.compile(r"\d+")
_LONGEST_SHOWN = 40

AreJoined = Callable[[Sequence[str], Sequence[str], str], bool]
"""Whether texts with a sign in them, of all ids, are several ids with the sign between them."""


def with_split_items(
    duck: duckdb.DuckDBPyConnection, table: Table, fields: Mapping[str, str], options: LoadOptions
) -> Table:
    """The table, with a row for each id where a field has several.

    Raises AmbiguousInputError if fields seem to have several and nobody said whether they have.
    """
    column, separator = fields["item_id"], options.split
    if separator is None:
        found = _find_separator(duck, table, column, _are_items)
        if found is not None:
            raise _ask(column, *found)
    if separator in (None, NO_COLUMN):
        return table
    return _split(duck, table, column, given_separator(separator, "--split"))


def refuse_joined_users(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, options: LoadOptions
) -> None:
    """AmbiguousInputError if fields seem to have several ids of users, who are never split.

    What was said of items holds for users: a sign between theirs cannot be part of these.
    """
    if options.split == NO_COLUMN:
        return
    found = _find_separator(duck, table, column, _are_users)
    if found is None:
        return
    separator, example = found
    if options.split is None:
        raise AmbiguousInputError(
            f"In {column}, {_shortened(example)!r} may be the ids of several users: then write a"
            " row for each of them.",
            [Choice("it is one id", f"--split {NO_COLUMN}", {"split": NO_COLUMN})],
        )
    if separator == given_separator(options.split, "--split"):
        raise InvalidInputError(
            f"In {column}, {_shortened(example)!r} seems to be the ids of several users, and"
            " --split is for those of items. Write a row for each user."
        )


def _find_separator(
    duck: duckdb.DuckDBPyConnection, table: Table, column: str, are_joined: AreJoined
) -> tuple[str, str] | None:
    """What joins the ids in some fields, and one of these; None: each is one id."""
    text = f"trim({table.expressions[column]})"
    given = f"from {table.view} where fault is null and {text} <> ''"
    of_text = f"{given} and regexp_matches({text}, {literal(_JOINED)})"
    rows = duck.execute(f"select distinct {text} {of_text} limit {_LOOKED_AT}").fetchall()
    joined = [str(text).removeprefix(NOT_TEXT) for (text,) in rows]
    if not joined or any(re.fullmatch(THOUSANDS, text) for text in joined):
        return None
    rows = duck.execute(f"select distinct {text} {given} limit {_LOOKED_AT}").fetchall()
    ids = [str(text).removeprefix(NOT_TEXT) for (text,) in rows]
    lists = [text for text in joined if _LIST.fullmatch(text)]
    if len(lists) > _MOST * len(ids):
        return ",", lists[0]
    for separator in "|;, ":
        texts = [text for text in joined if separator in text.strip(separator)]
        if len(texts) > _MANY * len(ids) and are_joined(texts, ids, separator):
            return separator, texts[0]
    return None


def _are_items(texts: Sequence[str], ids: Sequence[str], separator: str) -> bool:
    """Whether texts are ids rather than words: by their sign, or as they come elsewhere too."""
    if separator in "|;":
        return True
    split = [text.split(separator) for text in texts]
    if separator == ",":
        alike = sum(not re.search(r"\s", text) for text in texts)
    else:
        alike = sum(all(map(_NUMBERED.fullmatch, parts)) for parts in split)
    if alike > _MOST * len(texts):
        return True
    # A part of `Matrix, The` is no item, but each of `milk, bread` is, or is beside another.
    return _come_elsewhere(texts, ids, separator)


def _are_users(texts: Sequence[str], ids: Sequence[str], separator: str) -> bool:
    """Whether texts are several users: alike, as `u1|u2`, or users elsewhere too.

    `auth0|5f7c8e`, as sign-in services write it, is one, and so is `Smith, John`.
    """
    split = [[part.strip() for part in text.split(separator)] for text in texts]
    alike = sum(len({_DIGITS.sub("0", part) for part in parts}) == 1 for parts in split)
    if alike > _MOST * len(texts) and all(map(_DIGITS.search, texts)):
        return True
    if separator in "|;":
        return _come_elsewhere(texts, ids, separator)
    alone = set(ids)
    return sum(alone.issuperset(parts) for parts in split) > _MOST * len(texts)


def _come_elsewhere(texts: Sequence[str], ids: Sequence[str], separator: str) -> bool:
    """Whether most texts have no part that no other field has."""
    seen = Counter(
        part for text in ids for part in {each.strip() for each in text.split(separator)}
    )
    known = sum(all(seen[part.strip()] > 1 for part in text.split(separator)) for text in texts)
    return known > _MOST * len(texts)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _ask(column: str, separator: str, example: str) -> AmbiguousInputError:
    return AmbiguousInputError(
        f"In {column}, {_shortened(example)!r} may be several ids of items.",
        [
            Choice(
                f"several, with {separator!r} between them: an event for each",
                f"--split '{separator}'",
                {"split": separator},
            ),
            Choice("it is one id", f"--split {NO_COLUMN}", {"split": NO_COLUMN}),
        ],
    )


def _split(duck: duckdb.DuckDBPyConnection, table: Table, column: str, separator: str) -> Table:
    view = f"{table.view}_split"
    text = f"replace({table.expressions[column]}, {literal(NOT_TEXT)}, '')"
    if separator == ",":
        text = f"regexp_replace({text}, '^\\s*[\\[{{(]|[\\]}})]\\s*$', '', 'g')"
    trimmed = (
        f"list_transform(string_split({text}, {literal(separator)}), lambda x: trim(x, ' \"'''))"
    )
    parts = f"list_filter({trimmed}, lambda x: x <> '')"
    duck.execute(
        f"create or replace view {view} as select row_number() over () as row_no, * from"
        f" (select * exclude (row_no), unnest(case when len({parts}) > 0 then {parts}"
        f" else [null] end) as {_SPLIT} from {table.view})"
    )
    expressions = {**table.expressions, column: identifier(_SPLIT)}
    return replace(
        table,
        view=view,
        expressions=expressions,
        sample=sampled(duck, view, expressions),
        rows=count_rows(duck, view),
        notes=(*table.notes, f"an event for each id in {column}"),
        lines=None,
    )
