"""Bad rows are written down with their reason and true line, and never stop the good ones."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from domain.errors import InvalidInputError
from loading.reasons import Reason
from loading.report import LoadReport
from loading.tables import LONGEST_LINE_BYTES
from tests.loading.written_files import load_path

SOON = datetime.now(UTC) + timedelta(days=1)

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def item(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("insert into items (item_id, title) values ('1', 'A')"))


def rejects(report: LoadReport) -> list[dict[str, Any]]:
    assert report.rejects_path is not None
    written = [json.loads(line) for line in report.rejects_path.read_text().splitlines()]
    assert sum(report.rejected.values()) == len(written)
    assert all(report.rejected[reject["reason"]] for reject in written)
    return written


def users(engine: Engine) -> set[str]:
    query = text("select user_id from interactions join users using (user_no)")
    with engine.connect() as connection:
        return set(connection.execute(query).scalars())


def item_ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("select item_id from items order by 1")).scalars())


def good_and_bad(
    bad: list[tuple[Any, Reason]], good: Callable[[int], Any]
) -> Iterator[tuple[int, Any, Reason | None]]:
    """Good and bad rows in turn, with their indexes from 0."""
    for index, (row, reason) in enumerate(bad):
        yield 2 * index, row, reason
        yield 2 * index + 1, good(index), None


LONG = "x" * 201
BAD_CSV_EVENTS: list[tuple[bytes, Reason]] = [
    (b",1,view,,1600000000,", Reason.NO_USER_ID),
    (b"ann,,view,,1600000000,", Reason.NO_ITEM_ID),
    (f"{LONG},1,view,,1600000000,".encode(), Reason.ID_TOO_LONG),
    (f"ann,{LONG},view,,1600000000,".encode(), Reason.ID_TOO_LONG),
    (f"ann,1,view,,1600000000,{LONG}".encode(), Reason.ID_TOO_LONG),
    (b"ann\0,1,view,,1600000000,", Reason.ID_CONTROL),
    (b"me,1,view,,1600000000,", Reason.ID_RESERVED),
    (b"ann,1,rate,much,1600000000,", Reason.INVALID_VALUE),
    (b"ann,1,rate,nan,1600000000,", Reason.INVALID_VALUE),
    (b"ann,1,rate,1e39,1600000000,", Reason.INVALID_VALUE),
    (b"ann,1,view,,,", Reason.NO_TIME),
    (b"ann,1,view,,soon,", Reason.UNREADABLE_TIME),
    (f"ann,1,view,,{SOON.isoformat()},".encode(), Reason.FUTURE_TIME),
    (b"ann,2,view,,1600000000,", Reason.UNKNOWN_ITEM),
    (b"ann,1,view,,1600000000", Reason.WRONG_FIELD_COUNT),
    (b"ann,1,view,,1600000000,,9", Reason.WRONG_FIELD_COUNT),
    (b"ann\xff,1,view,,1600000000,", Reason.INVALID_UTF8),
    (b"a" * (LONGEST_LINE_BYTES + 1), Reason.LINE_TOO_LONG),
]
HEADING = b"user_id,item_id,kind,value,occurred_at,event_id\n"


def test_every_bad_line_of_a_csv_file_is_rejected_and_every_good_one_stored(
    database_url: str, engine: Engine, item: None, tmp_path: Path
) -> None:
    rows = list(good_and_bad(BAD_CSV_EVENTS, lambda n: f"u{n},1,view,,1600000000,".encode()))
    path = tmp_path / "events.csv"
    path.write_bytes(HEADING + b"".join(row + b"\n" for _, row, _ in rows))
    report = load_path(path, database_url, kinds={"watch": "view"}, scale="1:5")
    expected = [(index + 2, reason) for index, _, reason in rows if reason]
    written = sorted(rejects(report), key=lambda reject: reject["row"])
    assert [(reject["row"], reject["reason"]) for reject in written] == expected
    assert {reject["file"] for reject in written} == {"events.csv"}
    assert json.loads(written[7]["content"])["value"] == "much"
    assert users(engine) == {f"u{n}" for n in range(len(BAD_CSV_EVENTS))}
    assert report.rejects_path == Path("events.rejects.jsonl")


BAD_JSON_EVENTS: list[tuple[str, Reason]] = [
    ('{"user_id": "ann", "item_id": "1"', Reason.MALFORMED_JSON),
    ('["ann", "1"]', Reason.NOT_AN_OBJECT),
    ('{"item_id": "1", "time": 1600000000}', Reason.NO_USER_ID),
    ('{"user_id": null, "item_id": "1", "time": 1600000000}', Reason.NO_USER_ID),
    ('{"user_id": true, "item_id": "1", "time": 1600000000}', Reason.ID_NOT_TEXT),
    ('{"user_id": "ann", "item_id": ["1"], "time": 1600000000}', Reason.ID_NOT_TEXT),
    ('{"user_id": "ann\\u0000", "item_id": "1", "time": 1600000000}', Reason.ID_CONTROL),
    ('{"user_id": "a\\nnn", "item_id": "1", "time": 1600000000}', Reason.ID_CONTROL),
    ('{"user_id": " ", "item_id": "1", "time": 1600000000}', Reason.NO_USER_ID),
    ('{"user_id": "\\u2800", "item_id": "1", "time": 1600000000}', Reason.ID_BLANK),
    ('{"user_id": "..", "item_id": "1", "time": 1600000000}', Reason.ID_DOTS),
    ('{"user_id": "ann", "item_id": ".", "time": 1600000000}', Reason.ID_DOTS),
    ('{"user_id": "me", "item_id": "1", "time": 1600000000}', Reason.ID_RESERVED),
    ('{"user_id": "ann", "item_id": "1", "time": 1600000000, "kind": "rate"}', Reason.NO_VALUE),
    (
        '{"user_id": "ann", "item_id": "1", "time": 1600000000, "kind": "rate", "value": 1e9}',
        Reason.VALUE_OUT_OF_BOUNDS,
    ),
    (
        '{"user_id": "ann", "item_id": "1", "time": 1600000000, "kind": "rate", "value": 0.1}',
        Reason.VALUE_OUT_OF_BOUNDS,
    ),
    ('{"user_id": "ann", "item_id": "1"}', Reason.NO_TIME),
    ('{"user_id": "ann", "item_id": "1", "time": {}}', Reason.UNREADABLE_TIME),
    ('{"user_id": "ann", "item_id": "9", "time": 1600000000}', Reason.UNKNOWN_ITEM),
]


def test_every_bad_line_of_a_json_lines_file_is_rejected_and_every_good_one_stored(
    database_url: str, engine: Engine, item: None, tmp_path: Path
) -> None:
    rows = list(
        good_and_bad(
            BAD_JSON_EVENTS,
            lambda n: json.dumps({"user_id": f"u{n}", "item_id": 1, "time": 1_600_000_000 + n}),
        )
    )
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{row}\n\n" for _, row, _ in rows))
    written = rejects(load_path(path, database_url, scale="1:5"))
    expected = [(2 * index + 1, reason) for index, _, reason in rows if reason]
    assert [(reject["row"], reject["reason"]) for reject in written] == expected
    assert users(engine) == {f"u{n}" for n in range(len(BAD_JSON_EVENTS))}


def test_bad_rows_of_a_parquet_file_are_rejected_with_their_number(
    database_url: str, engine: Engine, item: None, tmp_path: Path
) -> None:
    events = {
        "user_id": pa.array(["ann", "bob", "cid", "dan", "eve"]),
        "item_id": pa.array(["1", None, "1", "1", "1"]),
        "kind": pa.array(["view", "view", "view", "rate", "view"]),
        "value": pa.array([None, None, None, float("nan"), None], pa.float64()),
        "occurred_at": pa.array([1, 2, 3, 4, SOON.timestamp() * 1e6], pa.int64()).cast(
            pa.timestamp("us")
        ),
    }
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table(events), path)
    written = rejects(load_path(path, database_url))
    assert [(reject["row"], reject["reason"]) for reject in written] == [
        (2, Reason.NO_ITEM_ID),
        (4, Reason.INVALID_VALUE),
        (5, Reason.FUTURE_TIME),
    ]
    assert json.loads(written[0]["content"])["user_id"] == "bob"
    assert users(engine) == {"ann", "cid"}


DEEP = json.loads('{"a":' * 300 + "1" + "}" * 300)
BAD_ITEMS: list[tuple[dict[str, Any], Reason]] = [
    ({"title": "T"}, Reason.NO_ITEM_ID),
    ({"item_id": "", "title": "T"}, Reason.NO_ITEM_ID),
    ({"item_id": [1], "title": "T"}, Reason.ID_NOT_TEXT),
    ({"item_id": LONG, "title": "T"}, Reason.ID_TOO_LONG),
    ({"item_id": "x\ny", "title": "T"}, Reason.ID_CONTROL),
    ({"item_id": "x"}, Reason.NO_TITLE),
    ({"item_id": "x", "title": ""}, Reason.NO_TITLE),
    ({"item_id": "x", "title": [5]}, Reason.INVALID_TITLE),
    ({"item_id": "x", "title": "\0"}, Reason.NUL_CHARACTER),
    ({"item_id": "x", "title": "T", "attributes": {"a": "\0"}}, Reason.NUL_CHARACTER),
    ({"item_id": "x", "title": "T", "description": 5}, Reason.INVALID_DESCRIPTION),
    ({"item_id": "x", "title": "T", "categories": 5}, Reason.INVALID_CATEGORIES),
    ({"item_id": "x", "title": "T", "categories": [5]}, Reason.INVALID_CATEGORIES),
    ({"item_id": "x", "title": "T", "categories": ["a", "b "]}, Reason.ID_PADDED),
    ({"item_id": "x", "title": "T", "categories": ["a", ""]}, Reason.ID_BLANK),
    ({"item_id": "x", "title": "T", "categories": "a|b\nc"}, Reason.ID_CONTROL),
    ({"item_id": "x", "title": "T", "categories": [LONG]}, Reason.LONG_CATEGORY),
    (
        {"item_id": "x", "title": "T", "categories": [f"c{n}" for n in range(101)]},
        Reason.MANY_CATEGORIES,
    ),
    ({"item_id": "x", "title": "T" * 501}, Reason.LONG_TITLE),
    ({"item_id": "x", "title": "T", "description": "d" * 100_001}, Reason.LONG_DESCRIPTION),
    ({"item_id": "x", "title": "T", "colour": "d" * 65_536}, Reason.LARGE_ATTRIBUTES),
    (
        {"item_id": "x", "title": "T", "attributes": {str(n): 1 for n in range(1_001)}},
        Reason.MANY_ATTRIBUTES,
    ),
    ({"item_id": "x", "title": "T", "attributes": "{"}, Reason.INVALID_ATTRIBUTES),
    ({"item_id": "x", "title": "T", "attributes": [1]}, Reason.INVALID_ATTRIBUTES),
    ({"item_id": "x", "title": "T", "attributes": DEEP}, Reason.UNWRITABLE_ATTRIBUTES),
    ({"item_id": "x", "title": "T", "available": "perhaps"}, Reason.INVALID_AVAILABLE),
]


def test_every_bad_item_is_rejected_and_every_good_one_stored(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    rows = list(
        good_and_bad(BAD_ITEMS, lambda n: {"item_id": f"i{n:02}", "title": "a \\u0000 in words"})
    )
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for _, row, _ in rows))
    written = rejects(load_path(path, database_url, attributes=("colour",)))
    expected = [(index + 1, reason) for index, _, reason in rows if reason]
    assert [(reject["row"], reject["reason"]) for reject in written] == expected
    assert item_ids(engine) == [f"i{n:02}" for n in range(len(BAD_ITEMS))]


def test_bad_ratings_are_rejected(database_url: str, engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "ml"
    folder.mkdir()
    (folder / "movies.csv").write_text("movieId,title,genres\n1,A (1990),Drama\n2,,Drama\n")
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,1,,1600000000\n1,1,5,1600000000\n"
    )
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,1, ,5\n1,,good,5\n1,1,x,5\n")
    written = rejects(load_path(folder, database_url))
    assert [(reject["file"], reject["row"], reject["reason"]) for reject in written] == [
        ("movies.csv", 3, Reason.NO_TITLE),
        ("ratings.csv", 2, Reason.NO_VALUE),
    ]
    assert users(engine) == {"1"}


def test_what_an_open_quote_swallows_is_rejected_line_by_line(
    database_url: str, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "items.csv"
    path.write_text(
        'item_id,title\n1,"one\nand, more"\n2,"two, too"\n3,"three, 3"\n4,five "5"\n'
        '5,"open\n6,six\n'
    )
    report = load_path(path, database_url)
    assert item_ids(engine) == ["1", "2", "3", "4"]
    assert report.rejected == {Reason.MALFORMED_CSV: 2}
    assert [reject["content"] for reject in rejects(report)] == ['5,"open', "6,six"]


def test_a_file_damaged_midway_is_refused_before_anything_is_stored(
    database_url: str, engine: Engine, item: None, tmp_path: Path
) -> None:
    path = tmp_path / "events.parquet"
    users_column = [f"u{n}" for n in range(60_000)]
    events = {"user_id": users_column, "item_id": ["1"] * 60_000, "time": [1_600_000_000] * 60_000}
    pq.write_table(pa.table(events), path, row_group_size=50_000, compression="none")
    with pq.ParquetFile(path) as file:
        second_group = file.metadata.row_group(1).column(0)
        first_page = second_group.dictionary_page_offset or second_group.data_page_offset
    damaged = bytearray(path.read_bytes())
    damaged[first_page : first_page + 40] = b"\xff" * 40
    path.write_bytes(damaged)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        load_path(path, database_url)
    assert users(engine) == set()


def test_the_rejects_of_an_earlier_load_are_gone(
    database_url: str, item: None, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,time\nann,2,1600000000\n")
    assert len(rejects(load_path(path, database_url))) == 1
    path.write_text("user_id,item_id,time\nann,1,1600000000\n")
    assert load_path(path, database_url).rejects_path is None
    assert not (tmp_path / "events.rejects.jsonl").exists()


def test_the_rejects_are_never_written_over_what_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id\n")
    with pytest.raises(InvalidInputError, match="which is loaded"):
        load_path(path, "postgresql://postgres@/tandem?host=/nowhere", rejects_path=path)
    assert path.exists()


def test_an_event_id_with_another_content_is_rejected_and_an_equal_one_is_a_repetition(
    database_url: str, engine: Engine, item: None, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    heading = "user_id,item_id,time,event_id\n"
    first = "ann,1,1600000000,a\n"
    path.write_text(heading + "eve,9,1,x\n" + first + first + "bob,1,1600000000,a\n")
    # Beside two users an id is asked about.
    report = load_path(path, database_url, columns={"event_id": "event_id"})
    assert (report.events_stored, report.events_repeated) == (1, 1)
    assert [(reject["row"], reject["reason"]) for reject in rejects(report)] == [
        (2, Reason.UNKNOWN_ITEM),
        (5, Reason.CONFLICT),
    ]
    path.write_text(heading + first + "ann,1,1700000000,a\n" + "cid,1,1600000000,c\n")
    report = load_path(path, database_url)
    assert (report.events_stored, report.events_repeated) == (1, 1)
    assert [(reject["row"], reject["reason"]) for reject in rejects(report)] == [
        (3, Reason.CONFLICT)
    ]
    assert users(engine) == {"ann", "cid"}
