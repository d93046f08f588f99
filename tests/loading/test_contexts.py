"""Contexts of events come in with files as they do over HTTP, and go with their events."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from domain.limits import (
    LONGEST_CONTEXT_VALUE,
    MOST_CONTEXT,
    MOST_CONTEXT_VALUES,
    MOST_CONTEXTS,
    context_fault,
)
from loading.options import LoadOptions
from loading.preview import FilePreview, preview
from loading.reasons import Reason
from serving.answering.list_values import AskedContextByName
from sql.loads import undo_load
from sql.locks import CONTEXTS, wait_for_lock
from tests.examples import examples
from tests.loading.written_files import Row, load_path, write_csv, write_jsonl, write_parquet
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("own_folder")

PHONE = {"device": "phone"}
EVENING = {"daypart": "evening", "device": "desk"}


def events(*contexts: Any, **others: Any) -> list[Row]:
    """Events of ann with items of their own, each with its context."""
    return [
        {
            "user_id": "ann",
            "item_id": f"item-{number}",
            "time": 1_600_000_000 + number,
            "context": context,
            **others,
        }
        for number, context in enumerate(contexts)
    ]


def stored(engine: Engine) -> list[Any]:
    query = text(
        "select context from interactions left join contexts using (context_no)"
        " order by occurred_at"
    )
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def previewed(path: Path, database_url: str, **options: Any) -> FilePreview:
    (found,) = preview([str(path)], database_url, LoadOptions(**options)).files
    return found


def read_as(found: FilePreview) -> dict[str, str]:
    return {column.meaning: column.read_as for column in found.columns}


def written(folder: Path, suffix: str, rows: list[Row]) -> Path:
    path = folder / f"events.{suffix}"
    if suffix == "csv":
        texts = [row["context"] and json.dumps(row["context"]) for row in rows]
        return write_csv(
            path, [row | {"context": context} for row, context in zip(rows, texts, strict=True)]
        )
    return (write_jsonl if suffix == "jsonl" else write_parquet)(path, rows)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_object_is_read_in_every_format(
    database_url: str, engine: Engine, tmp_path: Path, suffix: str
) -> None:
    path = written(tmp_path, suffix, events(PHONE, None, EVENING, PHONE))
    found = previewed(path, database_url)
    assert read_as(found)["context"] == "daypart, device"
    assert found.events is not None
    assert (found.events.contexts, found.events.first_row["context"]) == (2, '{"device": "phone"}')
    report = load_path(path, database_url, create_items=True)
    assert (report.rejected, report.contexts_not_kept) == ({}, 0)
    assert stored(engine) == [PHONE, None, EVENING, PHONE]


def test_columns_are_parts_of_it_by_their_names_or_as_they_are_said_to_be(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "user_id,item_id,time,context_device,hour,context_city\n"
        "ann,a,1600000000,phone,evening,Rome\nann,b,1600000001,,NULL,Rome\n"
        "ann,c,1600000002, desk ,,\n"
    )
    columns = {"context.daypart": "hour"}
    found = previewed(path, database_url, columns=columns)
    assert read_as(found)["context.device"] == "the device of the context"
    assert read_as(found)["context.daypart"] == "the daypart of the context"
    assert found.unread == ("context_city",)
    report = load_path(path, database_url, create_items=True, columns=columns)
    assert report.rejected == {}
    assert stored(engine) == [{"device": "phone", "daypart": "evening"}, None, {"device": "desk"}]


def test_what_is_not_kept_is_named(database_url: str, engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, "jsonl", events(PHONE | {"city": "Rome"}, {"city": "Rome"}))
    says = "not kept (TANDEM_KEPT_CONTEXT): city"
    assert read_as(previewed(path, database_url))["context"] == f"device; {says}"
    kept = previewed(path, database_url, kept_context=("city",))
    assert read_as(kept)["context"] == "city; not kept (TANDEM_KEPT_CONTEXT): device"
    with pytest.raises(InvalidInputError, match="these names alone: device, daypart, language"):
        previewed(path, database_url, columns={"context.city": "context"})
    load_path(path, database_url, create_items=True)
    assert stored(engine) == [PHONE, None]


def test_a_context_that_the_api_refuses_is_a_reject(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    given = [
        PHONE,
        {"device": 5},
        ["phone"],
        {"Device": "phone"},
        {"device": "x" * (LONGEST_CONTEXT_VALUE + 1)},
        {f"name_{number}": "x" for number in range(MOST_CONTEXT + 1)},
        {},
    ]
    path = written(tmp_path, "jsonl", events(*given))
    report = load_path(path, database_url, create_items=True, columns={"context": "context"})
    assert report.rejected == {
        Reason.CONTEXT_NOT_TEXTS: 2,
        Reason.CONTEXT_NAME: 1,
        Reason.CONTEXT_VALUE: 1,
        Reason.MANY_CONTEXT_NAMES: 1,
    }
    assert stored(engine) == [PHONE, None]


def test_one_row_that_is_no_json_keeps_no_other_from_being_read(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    write_csv(path, events('{"device": "phone"}', '{"device": "tv"}', "web"))
    found = previewed(path, database_url)
    assert read_as(found)["context"] == "device"
    assert any("--column context=context rejects" in note for note in found.notes)
    guessed = load_path(path, database_url, create_items=True)
    assert (guessed.rejected, guessed.contexts_not_kept) == ({}, 1)
    assert guessed.advice is not None
    assert "1 events" in guessed.advice
    assert stored(engine) == [PHONE, {"device": "tv"}, None]
    named = load_path(path, database_url, columns={"context": "context"})
    assert named.rejected == {Reason.CONTEXT_NOT_TEXTS: 1}


def test_of_a_column_that_nobody_named_only_what_is_kept_is_judged(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    given = [PHONE | {"w": 1080}, PHONE | {"OS": "x" * 200}, {"device": 5}, PHONE, {"w": 1}]
    path = written(tmp_path, "jsonl", events(*given))
    guessed = load_path(path, database_url, create_items=True)
    assert (guessed.rejected, guessed.contexts_not_kept) == ({}, 1)
    assert stored(engine) == [PHONE, PHONE, None, PHONE, None]
    named = load_path(path, database_url, columns={"context": "context"})
    assert named.rejected == {Reason.CONTEXT_NOT_TEXTS: 3, Reason.CONTEXT_NAME: 1}


def test_a_faulty_context_in_an_export_of_ours_is_a_reject(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        "event_id,user_id,item_id,kind,value,scale,occurred_at,recommendation_id,context\n"
        ',ann,a,view,,,2020-09-13T12:26:40Z,,"{""device"": 5}"\n'
    )
    report = load_path(path, database_url, create_items=True)
    assert report.rejected == {Reason.CONTEXT_NOT_TEXTS: 1}


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (lambda n: f"Mozilla/{n % 3} " * 20, "most of its values are longer than 100 characters"),
        (lambda n: f"device-{n}", "it has 201 different values, and 200 are kept"),
    ],
    ids=["user agents", "a device for each user"],
)
def test_a_part_that_nobody_named_is_read_if_it_looks_like_one(
    database_url: str, engine: Engine, tmp_path: Path, device: Callable[[int], str], why: str
) -> None:
    path = tmp_path / "events.jsonl"
    rows = [
        {"user_id": "ann", "item_id": f"i{n}", "time": 1_600_000_000 + n}
        | {"context_device": device(n), "context_daypart": "x" * 101 if n == 0 else "evening"}
        for n in range(MOST_CONTEXT_VALUES + 1)
    ]
    write_jsonl(path, rows)
    found = previewed(path, database_url)
    assert "context_device" in found.unread
    says = f"context_device is not read: {why} (--column context.device=context_device reads it)"
    assert says in found.notes
    report = load_path(path, database_url, create_items=True)
    assert (report.rejected, report.contexts_not_kept) == ({}, 1)
    assert stored(engine) == [None, *[{"daypart": "evening"}] * MOST_CONTEXT_VALUES]
    named = load_path(path, database_url, columns={"context.device": "context_device"})
    assert named.rejected.get(Reason.CONTEXT_VALUE, 0) == (len(rows) if "longer" in why else 0)
    assert named.events_repeated == (0 if "longer" in why else len(rows))


def test_a_column_that_holds_something_else_is_not_read(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = written(tmp_path, "jsonl", events("homepage", "search", PHONE))
    found = previewed(path, database_url)
    assert "context" in found.unread
    assert any("context is not read" in note for note in found.notes)
    assert load_path(path, database_url, create_items=True).rejected == {}
    assert stored(engine) == [None, None, None]


@settings(max_examples=examples(200), deadline=None)
@given(
    st.dictionaries(
        st.text(st.sampled_from("aA_0é.\n"), max_size=3) | st.just("a" * 41),
        st.text(max_size=3) | st.sampled_from(["x" * 100, "x" * 101, "\0", None, 1, True]),
        max_size=3,
    )
    | st.none()
    | st.text(max_size=3)
    | st.lists(st.text(max_size=3), max_size=2)
    | st.integers(MOST_CONTEXT, MOST_CONTEXT + 1).map(
        lambda names: {f"name_{number}": "x" for number in range(names)}
    )
)
def test_files_and_http_refuse_the_same_contexts(given: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(AskedContextByName)
    try:
        adapter.validate_python(given)
    except ValidationError:
        is_refused = True
    else:
        is_refused = False
    assert (given is not None and context_fault(given) is not None) == is_refused


def test_contexts_for_which_there_is_no_room_are_counted(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    values = MOST_CONTEXT_VALUES + 50
    path = written(tmp_path, "jsonl", events(*({"device": f"d{n}"} for n in range(values))))
    assert any("250 different values" in note for note in previewed(path, database_url).notes)
    report = load_path(path, database_url, create_items=True)
    assert (report.events_stored, report.contexts_not_kept) == (values, 50)
    assert report.advice is not None
    assert "50 events" in report.advice
    assert sum(context is not None for context in stored(engine)) == MOST_CONTEXT_VALUES
    # Nor is there any for another one, while what is known goes on.
    more = written(tmp_path, "csv", events({"device": "new"}, {"device": "d1"}, kind="like"))
    assert load_path(more, database_url).contexts_not_kept == 1


def test_the_limits_are_those_of_the_store(engine: Engine) -> None:
    fits = text("select context_fits(cast(:given as jsonb))")
    fill = text(
        "insert into contexts (context) select jsonb_build_object('device', cast(n as text))"
        " from generate_series(1, cast(:most as integer)) as n"
    )
    values = text(
        "insert into context_values select 'device', cast(n as text)"
        " from generate_series(1, cast(:most as integer)) as n"
    )
    given = {"given": json.dumps({"device": "another"})}
    with engine.begin() as connection:
        for name, most in ((values, MOST_CONTEXT_VALUES), (fill, MOST_CONTEXTS)):
            connection.execute(name, {"most": most - 1})
            assert connection.execute(fits, given).scalar_one()
            connection.execute(text("delete from contexts"))
            connection.execute(text("delete from context_values"))
            connection.execute(name, {"most": most})
            assert not connection.execute(fits, given).scalar_one()
            connection.execute(text("delete from context_values"))


def test_what_is_taken_back_takes_its_contexts_along_in_time(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    report = load_path(
        written(tmp_path, "jsonl", events(PHONE, EVENING)), database_url, create_items=True
    )
    with engine.begin() as connection:
        undo_load(connection, report.load_no)
    assert stored(engine) == []
    clear = text("select clear_unused_contexts(make_interval(hours => :hours))")
    with engine.begin() as connection:
        for hours in (12, -1):
            connection.execute(clear, {"hours": hours})
        left = text(
            "select (select count(*) from contexts) + (select count(*) from context_values)"
        )
        assert connection.execute(left).scalar_one() == 0


@pytest.mark.parametrize(
    "change",
    [
        "select clear_unused_contexts(interval '12 hours')",
        "select context_number(to_jsonb(each)) from (values ('phone'), ('new')) as each (device)",
    ],
)
def test_whoever_changes_contexts_has_their_lock_before_any_row(
    engine: Engine, change: str
) -> None:
    add = (
        "insert into contexts (context, unused_since) values"
        """ ('{"device": "phone"}', now()), ('{"device": "tv"}', null)"""
    )
    waiting = (
        "select exists (select from pg_locks join pg_database on pg_database.oid = database"
        " where datname = current_database() and locktype = 'advisory' and not granted)"
    )
    with engine.begin() as connection:
        connection.execute(text(add))

    def run() -> None:
        with engine.begin() as connection:
            connection.execute(text(change))

    with ThreadPoolExecutor(1) as other:
        with engine.begin() as connection:
            wait_for_lock(connection, CONTEXTS)
            running = other.submit(run)
            wait_until(lambda: running.done() or connection.execute(text(waiting)).scalar_one())
            connection.execute(text("select from contexts for update nowait"))
        running.result()


def test_an_event_that_comes_again_with_another_context_is_the_one_that_is_there(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    load_path(written(tmp_path, "jsonl", events(PHONE)), database_url, create_items=True)
    again = load_path(written(tmp_path, "jsonl", events(EVENING)), database_url)
    assert (again.events_stored, again.events_repeated, again.rejected) == (0, 1, {})
    assert stored(engine) == [PHONE]
