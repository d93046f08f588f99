"""Files and folders of every format are loaded, and loading them again changes nothing."""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError, StoreUnavailableError
from domain.identifiers import event_uuid
from stack.loading import LoadReport, Progress, load_path, load_tables
from stack.sample.catalogue import items_table, load_films
from stack.sample.simulator import simulate_events

Row = dict[str, Any]

EVENTS: list[Row] = [
    {"user_id": "ann", "item_id": "1", "kind": "view", "value": None, "occurred_at": 1_600_000_000},
    {"user_id": "ann", "item_id": "2", "kind": "rate", "value": 4.5, "occurred_at": 1_600_000_060},
    {"user_id": "bob", "item_id": "1", "kind": None, "value": None, "occurred_at": 1_600_000_120},
    {
        "user_id": 'né "q", x',
        "item_id": "2",
        "kind": "like",
        "value": 0.1,
        "occurred_at": 1_600_000_180,
    },
]
STORED_EVENTS = [
    ("ann", "1", "view", None, 1_600_000_000),
    ("ann", "2", "rate", 4.5, 1_600_000_060),
    ("bob", "1", "view", None, 1_600_000_120),
    ('né "q", x', "2", "like", pytest.approx(0.1), 1_600_000_180),
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def films(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("insert into items (item_id, title) values ('1', 'A'), ('2', 'B')"))


def write_csv(path: Path, rows: list[Row], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_tsv(path: Path, rows: list[Row]) -> Path:
    return write_csv(path, rows, "\t")


def write_jsonl(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    return path


def write_parquet(path: Path, rows: list[Row]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def write_gzipped_csv(path: Path, rows: list[Row]) -> Path:
    plain = write_csv(path.with_suffix(".plain"), rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return path


WRITERS: dict[str, Callable[[Path, list[Row]], Path]] = {
    "events.csv": write_csv,
    "tabs.csv": write_tsv,
    "events.tsv": write_tsv,
    "events.jsonl": write_jsonl,
    "events.ndjson": write_jsonl,
    "events.parquet": write_parquet,
    "events.csv.gz": write_gzipped_csv,
}


def stored_events(engine: Engine) -> list[tuple[Any, ...]]:
    query = text(
        "select user_id, item_id, kind, value, extract(epoch from occurred_at)::float8"
        " from interactions join users using (user_no) join items using (item_no)"
        " join event_kinds using (kind_no) order by occurred_at, position"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def stored_items(engine: Engine) -> list[tuple[Any, ...]]:
    query = text(
        "select item_id, title, categories, description, attributes, available"
        " from items order by item_no"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def counts(report: LoadReport) -> tuple[int, ...]:
    return (
        report.items_new,
        report.items_changed,
        report.items_unchanged,
        report.events_stored,
        report.events_repeated,
    )


def movielens(folder: Path, **other_files: str) -> Path:
    files = {
        "movies": "movieId,title,genres\r\n1,Toy Story (1995),Adventure|Animation\r\n"
        '11,"American President, The (1995)",Comedy\r\n176601,Black Mirror,(no genres listed)\r\n',
        "ratings": "userId,movieId,rating,timestamp\r\n1,1,4.0,964982703\r\n2,11,0.5,964981247\r\n",
        "tags": "userId,movieId,tag,timestamp\r\n1,1,pixar,1\r\n2,1,fun,2\r\n3,1,fun ,3\r\n",
        "links": "movieId,imdbId,tmdbId\r\n1,0114709,862\r\n",
        **other_files,
    }
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content, newline="")
    return folder


def test_a_movielens_folder_becomes_items_and_ratings(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    report = load_path(movielens(tmp_path / "ml"), database_url)
    assert counts(report) == (3, 0, 0, 2, 0)
    assert stored_items(engine) == [
        (
            "1",
            "Toy Story (1995)",
            ["Adventure", "Animation"],
            "",
            {"year": 1995, "tags": ["fun", "pixar"]},
            True,
        ),
        ("11", "American President, The (1995)", ["Comedy"], "", {"year": 1995}, True),
        ("176601", "Black Mirror", [], "", {}, True),
    ]
    assert stored_events(engine) == [
        ("2", "11", "rate", 0.5, 964981247),
        ("1", "1", "rate", 4.0, 964982703),
    ]
    assert (report.rejected, report.rejects_path, report.advice) == ({}, None, None)
    assert list(report.skipped_files) == ["links.csv"]


def test_loading_a_movielens_folder_again_changes_nothing(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    folder = movielens(tmp_path / "ml")
    load_path(folder, database_url)
    everything = text(
        "select (select array_agg(i order by item_no) from items i)::text,"
        " (select array_agg(i order by position) from interactions i)::text"
    )
    with engine.connect() as connection:
        before = connection.execute(everything).one()
    assert counts(load_path(folder, database_url)) == (0, 0, 3, 0, 2)
    with engine.connect() as connection:
        assert connection.execute(everything).one() == before


def test_a_film_keeps_its_twenty_most_frequent_tags(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    rows = [f"{user},1,tag-{tag:02},1" for tag in range(25) for user in range(tag + 1)]
    tags = "\n".join(["userId,movieId,tag,timestamp", *rows])
    load_path(movielens(tmp_path / "ml", tags=tags), database_url)
    attributes = stored_items(engine)[0][4]
    assert attributes["tags"] == [f"tag-{tag:02}" for tag in range(24, 4, -1)]


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
    report = load_path(write_csv(tmp_path / "events.csv", rows), database_url)
    assert (report.events_stored, report.events_repeated) == (1, 1)
    with engine.connect() as connection:
        (event_id,) = connection.execute(text("select event_id from interactions")).scalars()
    assert event_id == event_uuid("order-7")


def test_an_event_of_a_file_without_times_happened_when_it_was_loaded_first(
    database_url: str, engine: Engine, films: None, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "events.csv", [{"user_id": "ann", "item_id": "1"}])
    before = datetime.now(UTC)
    load_path(path, database_url)
    after = datetime.now(UTC)
    assert load_path(path, database_url).events_repeated == 1
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
        assert counts(load_path(path, database_url)) == (2, 0, 0, 0, 0), name
        assert stored_items(engine) == STORED_ITEMS, name
        assert counts(load_path(path, database_url)) == (0, 0, 2, 0, 0), name
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
    load_path(write_csv(tmp_path / "items.csv", ITEMS), database_url)
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


def test_the_items_of_a_folder_are_loaded_before_its_events(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    write_jsonl(folder / "a_events.jsonl", EVENTS)
    items = [{"item_id": "1", "title": "A"}, {"item_id": "2", "title": "B"}]
    write_parquet(folder / "z_items.parquet", items)
    (folder / "notes.txt").write_text("hello")
    report = load_path(folder, database_url)
    assert counts(report) == (2, 0, 0, 4, 0)
    assert list(report.skipped_files) == ["notes.txt"]
    assert stored_events(engine) == STORED_EVENTS


def test_events_of_an_empty_catalogue_are_rejected_with_advice(
    database_url: str, tmp_path: Path
) -> None:
    report = load_path(write_csv(tmp_path / "events.csv", EVENTS), database_url)
    assert (report.events_stored, report.rejected) == (0, {"unknown item": 4})
    assert "--create-items" in (report.advice or "")


def test_events_may_create_the_items_they_speak_of(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "events.csv", EVENTS)
    report = load_path(path, database_url, create_items=True)
    assert counts(report) == (2, 0, 0, 4, 0)
    assert [item[:2] for item in stored_items(engine)] == [("1", "1"), ("2", "2")]
    assert stored_events(engine) == STORED_EVENTS


def test_the_sample_is_loaded_whole_and_once(database_url: str, engine: Engine) -> None:
    until = datetime.now(UTC) - timedelta(days=1)
    events = simulate_events(load_films(), viewers=50, events=2_000, until=until)
    films = items_table()
    assert counts(load_tables(films, events, database_url)) == (films.num_rows, 0, 0, 2_000, 0)
    assert counts(load_tables(films, events, database_url)) == (0, 0, films.num_rows, 0, 2_000)
    assert len(stored_events(engine)) == 2_000


def test_progress_ends_with_all_bytes_and_all_rows(database_url: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    folder = movielens(tmp_path / "ml")
    load_path(folder, database_url, on_progress=seen.append)
    loaded = [folder / f"{name}.csv" for name in ("tags", "movies", "ratings")]
    total = sum(path.stat().st_size for path in loaded)
    assert [step.file for step in seen] == [path.name for path in loaded]
    assert seen[-1] == Progress("ratings.csv", total, total, 8)
    assert sorted(step.bytes_read for step in seen) == [step.bytes_read for step in seen]


NOWHERE = "postgresql://postgres@/tandem?host=/nowhere"


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInputError) as refused:
        load_path(path, NOWHERE)
    return str(refused.value)


def test_unknown_columns_are_named_with_what_is_expected(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [{"customer": "ann", "sku": "1"}])
    told = refusal(path)
    assert f"{path} has the columns customer, sku." in told
    assert "user_id and item_id" in told
    assert "item_id and title" in told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "is empty"),
        ("empty.jsonl", b"\n", "does not begin with JSON objects"),
        ("list.jsonl", b"[1]\n", "does not begin with JSON objects"),
        ("utf16.csv", "user_id,item_id\n".encode("utf-16"), "UTF-8"),
        ("x.parquet", b"user_id,item_id\n", "cannot be read as Parquet"),
        ("x.csv.gz", b"user_id,item_id\n", "cannot be read"),
        ("x.xlsx", b"PK", "is of no known format. Known are CSV"),
        ("twice.csv", b"user_id,item_id,user_id\n", "has the column user_id more than once"),
        ("tags.csv", b"userId,movieId,tag,timestamp\n", "give the folder instead"),
    ],
)
def test_an_unusable_file_is_refused_with_a_sentence(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert told in refusal(tmp_path / name)


def test_a_folder_that_holds_nothing_to_load_is_refused_with_a_sentence(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "folder"
    assert "There is nothing at" in refusal(folder)
    folder.mkdir()
    assert "It has no files" in refusal(folder)
    (folder / "links.csv").write_text("movieId,imdbId\n1,2\n")
    assert "has the columns movieId, imdbId." in refusal(folder)


def test_a_column_whose_type_cannot_hold_its_values_is_refused(database_url: str) -> None:
    ids = pa.array(["1"])
    for name, column, told in [
        ("item_id", pa.array([1.5]), "ids are text or whole numbers"),
        ("time", pa.array([True]), "times are of the type bool"),
        ("value", pa.array([[1]]), "values of events are not numbers"),
    ]:
        events = pa.table({"user_id": ids, "item_id": ids} | {name: column})
        with pytest.raises(InvalidInputError, match=told):
            load_tables(None, events, database_url)


def test_a_database_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "events.csv", EVENTS)
    with pytest.raises(StoreUnavailableError):
        load_path(path, f"postgresql://postgres@/tandem?host={tmp_path}")
