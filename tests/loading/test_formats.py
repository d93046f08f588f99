"""The same is stored whatever format a file is in, and of columns by whatever name."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from domain.identifiers import event_uuid
from tests.loading.written_files import (
    EVENTS,
    STORED_EVENTS,
    WRITERS,
    Row,
    counts,
    load_path,
    stored_events,
    stored_items,
    write_csv,
    write_jsonl,
    write_parquet,
)

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def films(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("insert into items (item_id, title) values ('1', 'A'), ('2', 'B')"))


def test_events_are_the_same_from_every_format(
    database_url: str, engine: Engine, films: None, tmp_path: Path
) -> None:
    for name, write in WRITERS.items():
        report = load_path(write(tmp_path / name, EVENTS), database_url)
        assert (report.events_stored, report.rejected) == (4, {}), name
        assert stored_events(engine) == STORED_EVENTS, name
        with engine.begin() as connection:
            connection.execute(text("truncate interactions, event_receipts"))


def test_events_without_id_are_known_again_in_another_format(
    database_url: str, films: None, tmp_path: Path
) -> None:
    reports = [
        load_path(write(tmp_path / name, EVENTS), database_url) for name, write in WRITERS.items()
    ]
    assert [report.events_stored for report in reports] == [4, *[0] * (len(WRITERS) - 1)]
    assert [report.events_repeated for report in reports] == [0, *[4] * (len(WRITERS) - 1)]


def test_an_event_id_is_the_one_an_app_would_send(
    database_url: str, engine: Engine, films: None, tmp_path: Path
) -> None:
    rows = [{"event_id": "order-7", "user_id": "ann", "item_id": "1"}] * 2
    path = write_csv(tmp_path / "events.csv", rows)
    report = load_path(path, database_url, no_times=True)
    assert (report.events_stored, report.events_repeated) == (1, 1)
    with engine.connect() as connection:
        (event_id,) = connection.execute(text("select event_id from interactions")).scalars()
    assert event_id == event_uuid("order-7")


def test_an_event_of_a_file_without_times_happened_when_it_was_loaded_first(
    database_url: str, engine: Engine, films: None, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "events.csv", [{"user_id": "ann", "item_id": "1"}])
    before = datetime.now(UTC)
    load_path(path, database_url, no_times=True)
    after = datetime.now(UTC)
    assert load_path(path, database_url, no_times=True).events_repeated == 1
    ((*_, seconds),) = stored_events(engine)
    assert before.timestamp() <= seconds <= after.timestamp()


def test_the_time_column_may_have_three_names(
    database_url: str, engine: Engine, films: None, tmp_path: Path
) -> None:
    for user, column in enumerate(("occurred_at", "timestamp", "time")):
        rows = [{"user_id": user, "item_id": "1", column: "2020-09-13T12:26:40Z"}]
        load_path(write_csv(tmp_path / "events.csv", rows), database_url)
    assert {event[-1] for event in stored_events(engine)} == {1_600_000_000}


ITEMS: list[Row] = [
    {
        "item_id": "a",
        "title": 'Häuser, "alt"\nund neu',
        "categories": "drama|war|drama",
        "description": "long",
        "attributes": '{"year": 1990}',
        "available": "false",
        "colour": "red",
    },
    {
        "item_id": "b",
        "title": "B",
        "categories": "",
        "description": "",
        "attributes": "",
        "available": "",
        "colour": "",
    },
]
STORED_ITEMS = [
    (
        "a",
        'Häuser, "alt"\nund neu',
        ["drama", "war"],
        "long",
        {"year": 1990, "colour": "red"},
        False,
    ),
    ("b", "B", [], "", {}, True),
]


def test_items_are_the_same_from_every_format(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    for name, write in WRITERS.items():
        path = write(tmp_path / name.replace("events", "items"), ITEMS)
        loaded = [load_path(path, database_url, attributes=("colour",)) for _ in range(2)]
        assert [counts(report) for report in loaded] == [(2, 0, 0, 0, 0), (0, 0, 2, 0, 0)], name
        assert stored_items(engine) == STORED_ITEMS, name
        with engine.begin() as connection:
            connection.execute(text("delete from items"))


def test_lists_and_objects_are_items_categories_and_attributes(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    attributes = {"year": 1995, "cast": ["x"]}
    rows = [
        {"item_id": n, "title": "T", "categories": ["b", "a"], "attributes": attributes}
        for n in range(2)
    ]
    load_path(write_jsonl(tmp_path / "items.jsonl", rows[:1]), database_url)
    load_path(write_parquet(tmp_path / "items.parquet", rows[1:]), database_url)
    assert stored_items(engine) == [
        ("0", "T", ["b", "a"], "", attributes, True),
        ("1", "T", ["b", "a"], "", attributes, True),
    ]


def test_a_file_changes_only_what_it_speaks_of(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    items = write_csv(tmp_path / "items.csv", ITEMS)
    load_path(items, database_url, attributes=("colour",))
    titles = [{"item_id": "a", "title": "New"}, {"item_id": "b", "title": "B"}]
    report = load_path(write_csv(tmp_path / "titles.csv", titles), database_url)
    assert counts(report) == (0, 1, 1, 0, 0)
    assert stored_items(engine) == [("a", "New", *STORED_ITEMS[0][2:]), STORED_ITEMS[1]]


def test_of_several_rows_of_one_item_the_last_counts(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    rows = [{"item_id": "a", "title": title} for title in ("old", "older", "new")]
    load_path(write_csv(tmp_path / "items.csv", rows), database_url)
    assert stored_items(engine) == [("a", "new", [], "", {}, True)]
