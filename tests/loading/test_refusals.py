"""What cannot be loaded at all is refused with a sentence."""

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from domain.errors import InvalidInputError, StoreUnavailableError
from loading.addresses import shown
from loading.load import load_tables
from tests.loading.written_files import EVENTS, load_path, write_csv

pytestmark = pytest.mark.usefixtures("own_folder")


def refusal(path: Path, database_url: str) -> str:
    with pytest.raises(InvalidInputError) as refused:
        load_path(path, database_url)
    return str(refused.value)


def test_an_unusable_file_is_refused_with_a_sentence(
    database_url: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for name, content, message in [
        ("empty.csv", b"", "is empty"),
        ("empty.jsonl", b"\n", "is empty"),
        ("list.jsonl", b"[1]\n", "is no table"),
        ("x.parquet", b"PAR1 and no more", "cannot be read"),
        ("x.csv.gz", b"\x1f\x8b and no more", "is damaged"),
        ("x.xlsx", b"PK", "is no table"),
        ("twice.csv", b"user_id,item_id,user_id\n", "has the column user_id more than once"),
        ("tags.csv", b"userId,movieId,tag,timestamp\n", "Tags are loaded with the items"),
        ("links.csv", b"movieId,imdbId,tmdbId\n", "holds nothing to load"),
    ]:
        with subtests.test(name):
            (tmp_path / name).write_bytes(content)
            assert message in refusal(tmp_path / name, database_url)


def test_a_folder_that_holds_nothing_to_load_is_refused_with_a_sentence(
    database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    assert "There is no file or folder" in refusal(folder, database_url)
    folder.mkdir()
    assert "has no files" in refusal(folder, database_url)
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,2,3\n")
    assert "neither events nor items" in refusal(folder, database_url)


def test_a_table_of_several_versions_is_refused(
    database_url: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for mark, name in [
        ("_delta_log/0.json", "Delta Lake"),
        (".hoodie/hoodie.properties", "Hudi"),
        ("metadata/v1.metadata.json", "Iceberg"),
    ]:
        with subtests.test(name):
            folder = tmp_path / name
            (folder / mark).parent.mkdir(parents=True)
            (folder / mark).write_text("{}")
            (folder / "part-0.csv").write_text("user_id,item_id,time\nu,a,1600000000\n")
            assert f"is a table of {name}" in refusal(folder, database_url)


def test_parts_of_which_only_the_first_has_the_heading_are_refused(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "part-0.csv").write_text("user_id,item_id,time\nu,a,1600000000\n")
    (tmp_path / "part-1.csv").write_text("u,b,1600000000\nv,b,1600000000\n")
    assert "part-1.csv has no heading, as part-0.csv has" in refusal(tmp_path, database_url)
    (tmp_path / "part-1.csv").rename(tmp_path / "notes.csv")
    load_path(tmp_path, database_url)


def test_what_unpacks_to_far_more_than_it_is_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loading.unpacking._ALWAYS_BYTES", 1024 * 1024)
    inner = gzip.compress(b"user_id,item_id,time\n" + b"u,i,1600000000\n" * 1_000_000)
    (tmp_path / "bomb.csv.gz").write_bytes(inner)
    assert "200 times as large" in refusal(tmp_path / "bomb.csv.gz", database_url)
    with zipfile.ZipFile(tmp_path / "bombs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv.gz", inner)
        archive.writestr("b.csv", "user_id,item_id,time\nu,i,1600000000\n")
    assert "bombs.zip becomes more than" in refusal(tmp_path / "bombs.zip", database_url)


def test_a_disk_is_not_filled_by_unpacking(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.csv.gz").write_bytes(gzip.compress(b"user_id,item_id,time\n"))
    monkeypatch.setattr("loading.unpacking._SPARE_BYTES", 1024**6)
    assert "no room to unpack" in refusal(tmp_path / "events.csv.gz", database_url)


def test_a_column_whose_type_cannot_hold_its_values_is_refused(database_url: str) -> None:
    ids = pa.array(["1"])
    for name, column, message in [
        ("time", pa.array([True]), "not understood as a time"),
        ("value", pa.array([[1]]), "which is no number"),
    ]:
        events = pa.table(
            {"user_id": ids, "item_id": ids, "time": pa.array([1_600_000_000])} | {name: column}
        )
        with pytest.raises(InvalidInputError, match=message):
            load_tables(None, events, database_url)


def test_a_database_that_cannot_be_reached_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "events.csv", EVENTS)
    with pytest.raises(StoreUnavailableError):
        load_path(path, f"postgresql://postgres@/tandem?host={tmp_path}")


def test_what_is_shown_of_an_address_has_no_password() -> None:
    assert shown("postgresql://me:sesame@host/db") == "host/db"
    assert "sesame" not in shown("postgresql://host/db?user=me&password=sesame")


def test_other_databases_are_refused_by_name(database_url: str) -> None:
    with pytest.raises(InvalidInputError, match="mysql is not read directly"):
        load_path("mysql://me@host/db", database_url, query="select 1")
    with pytest.raises(InvalidInputError, match="with --query"):
        load_path("postgresql://me@host/db", database_url)
