"""What cannot be loaded at all is refused with a sentence."""

from pathlib import Path

import pyarrow as pa
import pytest

from domain.errors import InvalidInputError, StoreUnavailableError
from loading import load_tables
from tests.loading.written_files import EVENTS, load_path, write_csv

pytestmark = pytest.mark.usefixtures("own_folder")

NOWHERE = "postgresql://postgres@/tandem?host=/nowhere"


def refusal(path: Path) -> str:
    with pytest.raises(InvalidInputError) as refused:
        load_path(path, NOWHERE)
    return str(refused.value)


def test_unknown_columns_are_named_with_what_is_expected(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", [{"customer": "ann", "sku": "1"}])
    message = refusal(path)
    assert f"{path} has the columns customer, sku." in message
    assert "user_id and item_id" in message
    assert "item_id and title" in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
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
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in refusal(tmp_path / name)


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
    for name, column, message in [
        ("item_id", pa.array([1.5]), "ids are text or whole numbers"),
        ("time", pa.array([True]), "times are of the type bool"),
        ("value", pa.array([[1]]), "values of events are not numbers"),
    ]:
        events = pa.table({"user_id": ids, "item_id": ids} | {name: column})
        with pytest.raises(InvalidInputError, match=message):
            load_tables(None, events, database_url)


def test_a_database_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "events.csv", EVENTS)
    with pytest.raises(StoreUnavailableError):
        load_path(path, f"postgresql://postgres@/tandem?host={tmp_path}")
