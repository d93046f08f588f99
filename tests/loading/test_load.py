"""Files and folders are loaded whole, and loading them again changes nothing."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loading.load import load_tables
from loading.report import Progress
from stack.sample.catalogue import items_table, load_films
from stack.sample.simulator import simulate_events
from tests.loading.written_files import (
    EVENTS,
    STORED_EVENTS,
    counts,
    load_path,
    stored_events,
    stored_items,
    write_csv,
    write_jsonl,
    write_parquet,
)

pytestmark = pytest.mark.usefixtures("own_folder")


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
    assert "holds nothing to load" in report.skipped_files["links.csv"]
    with engine.connect() as connection:
        ratings = connection.execute(
            text(
                "select value, least, greatest, strength"
                " from interactions join rating_scales using (scale_no) order by value"
            )
        )
        assert [tuple(row) for row in ratings] == [
            (0.5, 0.5, 5, pytest.approx(-2 / 3)),
            (4, 0.5, 5, pytest.approx(5 / 9, abs=1e-5)),
        ]


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


def test_folders_in_a_folder_are_read_unless_they_are_hidden(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    shop = tmp_path / "shop"
    names = ("2026/01/events", "2026/02/events", ".old/events", "__MACOSX/events")
    for number, name in enumerate(names):
        path = shop / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"user_id,item_id,time\nann,{number},1600000000\n,1,1600000000\n")
    report = load_path(shop, database_url, create_items=True)
    assert (report.events_stored, report.items_new) == (2, 2)
    assert report.rejects_path is not None
    rejects = [json.loads(line) for line in report.rejects_path.read_text().splitlines()]
    assert [row["file"] for row in rejects] == ["2026/01/events.csv", "2026/02/events.csv"]


def test_names_of_folders_above_the_one_that_was_named_say_nothing(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    shop = tmp_path / "event_type=like" / "shop"
    (shop / "event_type=purchase").mkdir(parents=True)
    for path in (shop / "a.csv", shop / "event_type=purchase" / "b.csv"):
        path.write_text("user_id,item_id,time\nann,1,1600000000\n")
    load_path(shop, database_url, create_items=True)
    with engine.connect() as connection:
        kinds = connection.execute(
            text("select kind from interactions join event_kinds using (kind_no) order by kind")
        )
        assert list(kinds.scalars()) == ["purchase", "view"]


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


def test_each_event_of_a_batch_has_its_own_user_and_item_whoever_is_known_merged_or_new(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    titles = [{"item_id": item_id, "title": item_id} for item_id in ("z", "b", "m")]
    load_path(write_csv(tmp_path / "items.csv", titles), database_url)
    with engine.begin() as connection:
        connection.execute(text("insert into users (user_id) values ('nina'), ('bob')"))
        connection.execute(
            text(
                "insert into merged_users (from_user_id, from_user_no, user_no)"
                " select 'visitor', 0, user_no from users where user_id = 'nina'"
            )
        )
    users = ("zoe", "visitor", "bob", "ada", "nina")
    items = ("m", "unknown", "a-unknown", "z", "b")
    pairs = [(user, item) for user in users for item in items]
    rows = [
        {"user_id": user, "item_id": item, "time": 1_600_000_000 + number}
        for number, (user, item) in enumerate(pairs)
    ]
    report = load_path(write_csv(tmp_path / "events.csv", [*rows, *rows[:3]]), database_url)
    assert (report.events_stored, report.events_repeated) == (15, 1)
    assert report.rejected == {"unknown item": 12}
    assert stored_events(engine) == [
        ("nina" if user == "visitor" else user, item, "view", None, 1_600_000_000 + number)
        for number, (user, item) in enumerate(pairs)
        if "unknown" not in item
    ]
    with engine.connect() as connection:
        made = text("select user_id from users where load_no = :load_no order by user_id")
        found = connection.execute(made, {"load_no": report.load_no}).scalars().all()
    assert found == ["ada", "zoe"]


def test_events_of_unknown_items_make_no_user_and_hide_no_event_of_the_same_id(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    load_path(write_csv(tmp_path / "items.csv", [{"item_id": "a", "title": "A"}]), database_url)
    first, second = (str(uuid.uuid4()) for _ in range(2))
    rows = [
        {"event_id": first, "user_id": "ann", "item_id": "unknown", "time": 1_600_000_000},
        {"event_id": first, "user_id": "ann", "item_id": "a", "time": 1_600_000_001},
        {"event_id": second, "user_id": "bob", "item_id": "unknown", "time": 1_600_000_002},
    ]
    report = load_path(write_csv(tmp_path / "events.csv", rows), database_url)
    assert (report.events_stored, report.events_repeated) == (1, 0)
    assert report.rejected == {"unknown item": 2}
    assert stored_events(engine) == [("ann", "a", "view", None, 1_600_000_001)]
    with engine.connect() as connection:
        assert connection.execute(text("select user_id from users")).scalars().all() == ["ann"]


def test_the_sample_is_loaded_whole_and_once(database_url: str, engine: Engine) -> None:
    until = datetime.now(UTC) - timedelta(days=1)
    events = simulate_events(load_films(), viewers=50, events=2_000, until=until)
    films = items_table()
    assert counts(load_tables(films, events, database_url)) == (films.num_rows, 0, 0, 2_000, 0)
    assert counts(load_tables(films, events, database_url)) == (0, 0, films.num_rows, 0, 2_000)
    assert len(stored_events(engine)) == 2_000


def test_progress_ends_with_all_rows(database_url: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    load_path(movielens(tmp_path / "ml"), database_url, on_progress=seen.append)
    assert list(dict.fromkeys(step.file for step in seen)) == [
        "tags.csv",
        "movies.csv",
        "ratings.csv",
    ]
    assert seen[-1] == Progress("ratings.csv", 8, 8)
    assert sorted(step.rows for step in seen) == [step.rows for step in seen]
