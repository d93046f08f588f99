"""Named statements, and the parts they share."""

import re
from pathlib import Path

import pytest

from sql import query_files
from sql.query_files import codes, shared_parts, written_out
from tests.sql.queries import FILES, ROOT

ASKING = (
    "batch",
    "flows",
    "loading",
    "serving",
    "speed",
    "sql",
    "stack",
    "benchmarks",
    "tests/chaos",
)

SHARED = """
-- What this file is about: it's read by nobody.

-- part: eligible
-- Items that may be shown: {none}
available
and not categories && :none_of

-- part: counted_eligible
select count(*)
from items
where {eligible}

-- name: count_items
-- A remark with a :colon and a 'quote'.
{counted_eligible}
  and item_no > 0;

-- name: load_items
select item_no, '{}' as nothing, '{a}' as kept
from items
where {eligible}
  and item_no > :item_no;
"""
ELIGIBLE = "available and not categories && :none_of"


def test_a_part_is_written_into_every_statement_that_needs_it() -> None:
    written = {name: " ".join(code.split()) for name, code in written_out(SHARED).items()}
    assert written == {
        "count_items": f"select count(*) from items where {ELIGIBLE} and item_no > 0",
        "load_items": (
            "select item_no, '{}' as nothing, '{a}' as kept from items"
            f" where {ELIGIBLE} and item_no > :item_no"
        ),
    }


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ("-- name: a\nselect {b}\n", "no part b stands above a"),
        ("-- name: a\nselect {b}\n-- part: b\n1\n", "no part b stands above a"),
        ("-- part: b\n{b}\n-- name: a\nselect {b}\n", "no part b stands above b"),
        ("-- name: c\nselect 1\n-- name: a\nselect {c}\n", "no part c stands above a"),
        ("-- part: b\n1\n-- name: a\nselect 1\n", "part b is not used"),
        ("-- part: b\n1\n-- part: c\n{b}\n-- name: a\nselect {b}\n", "part c is not used"),
        ("-- name: a\nselect 1\n-- name: a\nselect 2\n", "a stands twice"),
        ("-- part: a\n1\n-- name: a\nselect {a}\n", "a stands twice"),
    ],
    ids=["unknown", "below", "itself", "a-statement", "unused", "no-statement", "twice", "both"],
)
def test_what_cannot_be_meant_is_refused(queries: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        written_out(queries)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_statement_is_complete_and_somebody_asks_it(path: Path) -> None:
    asking = "".join(
        source.read_text(encoding="utf-8")
        for folder in ASKING
        for source in (ROOT / folder).rglob("*.py")
    )
    for name, statement in codes(path).items():
        assert not query_files._PLACEHOLDER.search(statement), name
        assert f'"{name}"' in asking, name


def test_a_shared_part_may_be_used_by_any_file_and_is_named_by_no_other() -> None:
    shared = {"eligible": "available"}
    used = "-- name: count\nselect count(*) from items where {eligible}\n"
    assert written_out(used, shared) == {"count": "select count(*) from items where available"}
    assert written_out("-- name: a\nselect 1\n", shared) == {"a": "select 1"}
    with pytest.raises(ValueError, match="eligible stands twice"):
        written_out("-- part: eligible\n1\n-- name: a\nselect {eligible}\n", shared)


def test_every_shared_part_is_used_several_times() -> None:
    paths = [*FILES, *(FILES[0].parent / "shared").glob("*.sql")]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    for name in shared_parts():
        assert sum(text.count(f"{{{name}}}\n") for text in texts) > 1, name


WITH_THE_CANARY = {
    "count_events_of_range",
    "count_events_since",
    "count_load",
    "count_users_of_items",
    "export_events",
    "find_logged_events",
    "find_recent_users",
    "find_users_of_items",
    "find_users_of_live_events",
    "has_loaded_events",
    "kind_is_used",
    "list_events_of_user",
    "load_begun",
    "load_due_items",
    "load_histories",
    "load_histories_of_range",
    "load_history",
    "load_parts",
    "load_unused",
    "load_used_ever",
    "load_users_before",
    "load_waiting_events",
}
"""Of one user, of events that are known, or of what is still to be done: there the canary is a user
like others."""


def test_what_learns_or_counts_leaves_the_canary_out() -> None:
    reading = re.compile(r"\b(?:from|join) (?:public\.)?interactions\b")
    asked = {
        name: code
        for path in FILES
        if path.stem != "chaos"
        for name, code in codes(path).items()
        if reading.search(code)
    }
    assert asked.keys() >= WITH_THE_CANARY
    for name, code in asked.items():
        assert "user_no <> 0" in code or name in WITH_THE_CANARY, f"{name}: see decision 68"
