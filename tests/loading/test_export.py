"""What was put in comes out again, in every format, and goes in again as it was."""

import csv
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError, StoreUnavailableError
from domain.identifiers import id_fault
from loading.export import opened_export
from loading.file_formats import FileFormat
from loading.whole_file import whole_file
from tests.events import LIKE, RATE, event, record, user_no_of
from tests.loading.written_files import Row, load_path, write_jsonl
from tests.small_run import publish_small_run

pytestmark = pytest.mark.usefixtures("own_folder")

FORMATS = [*FileFormat]
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from('", |\r\n\\')
TEXTS = st.text(CHARACTERS, max_size=12)
VISIBLE = st.characters(codec="utf-8", exclude_categories=("Cc",)) | st.sampled_from('", |')
IDS = st.text(VISIBLE, min_size=1, max_size=12).filter(lambda text: id_fault(text) is None)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ITEM = st.fixed_dictionaries(
    {
        "item_id": IDS,
        "title": st.text(CHARACTERS, min_size=1, max_size=12),
        "categories": st.lists(IDS, max_size=3, unique=True),
        "description": TEXTS,
        "attributes": st.dictionaries(TEXTS, JSON, max_size=3),
        "available": st.booleans(),
    }
)
EVENT = st.fixed_dictionaries(
    {
        "event_id": st.uuids().map(str),
        "user_id": IDS,
        "occurred_at": st.datetimes(
            datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis wants them so
            datetime(2025, 1, 1),  # noqa: DTZ001
            timezones=st.just(UTC),
        ).map(datetime.isoformat),
    }
)
CONTEXT = st.dictionaries(
    st.sampled_from(["device", "daypart", "language"]),
    st.text(CHARACTERS, min_size=1, max_size=12),
    min_size=1,
)
KINDS = st.sampled_from([("view", None, None), ("like", None, None)]) | st.tuples(
    st.just("rate"), st.floats(1, 5, width=32), st.sampled_from(["1:5", "0.5:10"])
)


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Items, and events with them."""
    items = draw(st.lists(ITEM, min_size=1, max_size=4, unique_by=lambda item: item["item_id"]))
    item_ids = st.sampled_from([item["item_id"] for item in items])
    events = draw(
        st.lists(
            st.builds(
                lambda event, item_id, kind, recommendation_id, context: {
                    **event,
                    "item_id": item_id,
                    "kind": kind[0],
                    "value": kind[1],
                    "scale": kind[2],
                    "recommendation_id": recommendation_id,
                    "context": context,
                },
                EVENT,
                item_ids,
                KINDS,
                st.none() | st.uuids().map(str),
                st.none() | CONTEXT,
            ),
            min_size=1,
            max_size=6,
            unique_by=lambda event: event["event_id"],
        )
    )
    return items, events


STORED = {
    "items": text(
        "select item_id, title, categories, description, cast(attributes as text), available"
        " from items order by item_id"
    ),
    "events": text(
        "select event_id, user_id, item_id, kind_no, value, scale_no, strength, occurred_at,"
        " recommendation_id, context"
        " from interactions join users using (user_no) join items using (item_no)"
        " left join contexts using (context_no) order by event_id"
    ),
}


def stored(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {name: connection.execute(query).all() for name, query in STORED.items()}


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("interactions", "event_receipts", "items", "users"):
            connection.execute(text(f"delete from {table}"))


def export(name: str, database_url: str, file_format: FileFormat = FileFormat.JSONL) -> bytes:
    written = io.BytesIO()
    with opened_export(name, database_url, file_format) as rows:
        rows.write(written)
    return written.getvalue()


def exported_rows(name: str, database_url: str) -> list[Row]:
    return [json.loads(line) for line in export(name, database_url).splitlines()]


def load(path: Path, database_url: str) -> None:
    report = load_path(path, database_url)
    assert report.rejected == {}


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("file_format", FORMATS)
@given(store=stores())
def test_what_is_exported_is_loaded_into_an_empty_store_as_it_was(
    database_url: str,
    engine: Engine,
    tmp_path: Path,
    file_format: FileFormat,
    store: tuple[list[Row], list[Row]],
) -> None:
    items, events = store
    if file_format is FileFormat.CSV:
        items = [
            {**item, "categories": [name for name in item["categories"] if "|" not in name]}
            for item in items
        ]
    empty(engine)
    load(write_jsonl(tmp_path / "items.jsonl", items), database_url)
    load(write_jsonl(tmp_path / "events.jsonl", events), database_url)
    before = stored(engine)
    contents = {name: export(name, database_url, file_format) for name in before}

    empty(engine)
    for name, content in contents.items():
        path = tmp_path / f"exported_{name}.{file_format}"
        path.write_bytes(content)
        load(path, database_url)
    assert stored(engine) == before
    assert {name: export(name, database_url, file_format) for name in before} == contents


@pytest.fixture
def events_of_ann(engine: Engine, film_nos: list[int]) -> None:
    """A like and two ratings, the second on a scale of its own."""
    rating = event("ann", film_nos[1], kind_no=RATE, minutes=1)
    with engine.begin() as connection:
        # One after the other: those of one call are in the order of their ids.
        record(connection, [event("ann", film_nos[0], kind_no=LIKE)])
        record(connection, [rating])
        connection.execute(
            text("update interactions set value = 0.1 where kind_no = :rate"), {"rate": RATE}
        )
        record(connection, [event("ann", film_nos[2], kind_no=RATE, minutes=2)])
        connection.execute(
            text(
                "with scale as (insert into rating_scales (least, greatest) values (0.5, 1e30)"
                " returning scale_no) update interactions set scale_no = scale.scale_no,"
                " value = 7, recommendation_id = :id from scale where item_no = :item_no"
            ),
            {"id": uuid.UUID(int=1), "item_no": film_nos[2]},
        )


@pytest.mark.usefixtures("events_of_ann")
def test_events_come_in_their_order_each_rating_with_its_scale(database_url: str) -> None:
    rows = exported_rows("events", database_url)
    assert [(row["item_id"], row["kind"], row["value"], row["scale"]) for row in rows] == [
        ("film-0", "like", None, None),
        ("film-1", "rate", 0.1, "1:5"),
        ("film-2", "rate", 7.0, f"0.5:1{'0' * 30}"),
    ]
    assert [row["occurred_at"] for row in rows] == [
        f"2026-03-01T12:0{minute}:00.000000Z" for minute in range(3)
    ]
    assert [row["recommendation_id"] for row in rows] == [None, None, str(uuid.UUID(int=1))]


def test_null_and_an_empty_text_are_two_things_in_every_format(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("create view analytics.texts as select null::text as absent, '' as empty")
        )
        connection.execute(text("grant select on analytics.texts to tandem_app"))
    assert exported_rows("texts", database_url) == [{"absent": None, "empty": ""}]
    assert export("texts", database_url, FileFormat.CSV) == b'"absent","empty"\n,""\n'
    path = tmp_path / "texts.parquet"
    path.write_bytes(export("texts", database_url, FileFormat.PARQUET))
    assert pq.read_table(path).to_pylist() == [{"absent": None, "empty": ""}]


def test_users_come_with_what_they_say_they_like(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("bob", film_nos[0])])
        connection.execute(
            text(
                "select put_users(jsonb_build_array(jsonb_build_object('user_id', 'ann',"
                " 'attributes', jsonb_build_object('age', 7),"
                " 'words', array['film noir', 'a,b'], 'item_nos', cast(:item_nos as integer[]))))"
            ),
            {"item_nos": [film_nos[3], film_nos[1]]},
        )
    bob, ann = exported_rows("users", database_url)
    assert bob == {
        "user_id": "bob",
        "attributes": {},
        "interest_words": None,
        "interest_items": None,
        "declared_at": None,
    }
    assert ann.pop("declared_at").endswith("Z")
    assert ann == {
        "user_id": "ann",
        "attributes": {"age": 7},
        "interest_words": ["film noir", "a,b"],
        "interest_items": ["film-3", "film-1"],
    }
    lines = export("users", database_url, FileFormat.CSV).decode().splitlines()
    assert next(csv.DictReader([lines[0], lines[2]]))["interest_words"] == '["film noir","a,b"]'


def test_recommendations_are_those_of_the_run_being_served(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    with engine.begin() as connection:
        record(connection, [event("ann", film_nos[0])])
        ann = int(user_no_of(connection, "ann"))
        publish_small_run(connection, film_nos, {ann: [(film_nos[5], 0.5)]})
        run = publish_small_run(
            connection, film_nos, {ann: [(film_nos[2], 0.9), (film_nos[1], 0.1)]}
        )
    assert exported_rows("recommendations", database_url) == [
        {"user_id": "ann", "rank": 1, "item_id": "film-2", "score": 0.9, "run": run},
        {"user_id": "ann", "rank": 2, "item_id": "film-1", "score": 0.1, "run": run},
    ]


@pytest.mark.usefixtures("events_of_ann")
@pytest.mark.parametrize("file_format", FORMATS)
def test_every_view_can_be_exported(
    database_url: str, engine: Engine, film_nos: list[int], file_format: FileFormat
) -> None:
    with engine.begin() as connection:
        ann = int(user_no_of(connection, "ann"))
        publish_small_run(connection, film_nos, {ann: [(film_nos[5], 0.5)]})
        views = connection.execute(
            text("select viewname from pg_views where schemaname = 'analytics'")
        ).scalars()
        names = list(views)
    sizes = {name: len(export(name, database_url, file_format)) for name in names}
    assert min(sizes["interactions"], sizes["model_runs"], sizes["current_recommendations"]) > 0


def test_an_unknown_name_is_refused_with_those_that_are_known(database_url: str) -> None:
    with pytest.raises(InvalidInputError, match="Did you mean model_runs") as refused:
        export("model_run", database_url)
    known = "events, items, users, recommendations, and the views catalogue_health"
    assert known in str(refused.value)
    with pytest.raises(InvalidInputError, match=r"There is no public\.api_keys to export\. There"):
        export("public.api_keys", database_url)


def test_a_category_that_csv_would_make_two_of_is_refused_there_and_kept_elsewhere(
    database_url: str, tmp_path: Path
) -> None:
    items: list[Row] = [
        {"item_id": "1", "title": "A", "categories": ["a", "b"]},
        {"item_id": "2", "title": "B", "categories": ["a|b"]},
    ]
    load(write_jsonl(tmp_path / "items.jsonl", items), database_url)
    with pytest.raises(InvalidInputError, match=r"the item 2 has a \|"):
        export("items", database_url, FileFormat.CSV)
    rows = exported_rows("items", database_url)
    assert [row["categories"] for row in rows] == [["a", "b"], ["a|b"]]


@pytest.mark.usefixtures("events_of_ann")
def test_what_is_stored_meanwhile_is_not_part_of_an_export(
    database_url: str, engine: Engine, film_nos: list[int]
) -> None:
    written = io.BytesIO()
    with opened_export("events", database_url, FileFormat.JSONL) as rows:
        with engine.begin() as connection:
            record(connection, [event("ann", film_nos[9])])
        assert rows.write(written) == 3
    assert len(written.getvalue().splitlines()) == 3


@contextmanager
def failing() -> Iterator[None]:
    with pytest.raises(ZeroDivisionError):
        yield


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with failing(), whole_file(path) as file:
        file.write(b"half")
        assert not path.exists()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    with failing(), whole_file(path, replace=True) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"whole"
    with whole_file(path, replace=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_taken_is_refused_also_if_it_was_taken_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with pytest.raises(InvalidInputError, match="exists already"), whole_file(path):
        path.write_bytes(b"of somebody else")
    assert path.read_bytes() == b"of somebody else"
    with pytest.raises(InvalidInputError, match="exists already"), whole_file(path):
        pass
    with pytest.raises(InvalidInputError, match="is no file"), whole_file(tmp_path, replace=True):
        pass
    with (
        pytest.raises(InvalidInputError, match="cannot be written"),
        whole_file(tmp_path / "no" / "folder.csv"),
    ):
        pass


def test_a_server_that_goes_away_is_an_error_and_not_the_end_of_the_rows(
    database_url: str, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title, description) select cast(n as text), 'A',"
                " repeat('a', 20000) from generate_series(1, 2000) as n"
            )
        )
    end = text(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
        " where application_name = 'tandem-export' and datname = current_database()"
    )
    with opened_export("items", database_url, FileFormat.JSONL) as rows:
        next(rows.batches)
        with engine.connect() as connection:
            assert connection.execute(end).scalars().all() == [True]
        with pytest.raises(StoreUnavailableError, match="PostgreSQL did not answer"):
            rows.write(io.BytesIO())
