"""What a preview counts of what the store has already."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from loading.load import load
from loading.options import LoadOptions
from loading.preview import EventFigures, preview
from loading.store import Store

EVENTS = "user_id,item_id,ts\nann,a,1600000000\nann,b,1600000001\nbob,a,1600000002\n"


@pytest.fixture
def events(tmp_path: Path, own_folder: None) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    return path


def figures(events: Path, database_url: str) -> EventFigures:
    (file,) = preview([str(events)], database_url, LoadOptions()).files
    assert file.events is not None
    return file.events


def test_the_events_of_a_user_who_was_forgotten_are_known(
    database_url: str, engine: Engine, events: Path
) -> None:
    load([str(events)], database_url)
    with engine.begin() as connection:
        for user in ("ann", "bob"):
            connection.execute(text("select forget_user(:user_id)"), {"user_id": user})
    found = figures(events, database_url)
    assert (found.known_users, found.known_items, found.known_events) == (0, 2, 3)


def test_no_event_is_sent_where_no_item_is_known(
    database_url: str, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_store: Store, _events: object) -> int:
        raise AssertionError

    monkeypatch.setattr(Store, "count_known_events", refuse)
    found = figures(events, database_url)
    assert (found.known_users, found.known_items, found.known_events) == (0, 0, 0)


def test_a_preview_shows_the_scale_that_files_of_one_log_have_together(
    database_url: str, tmp_path: Path
) -> None:
    heading = "user_id,item_id,rating,ts\n"
    (tmp_path / "a.csv").write_text(f"{heading}ann,a,4,1600000000\n")
    (tmp_path / "b.csv").write_text(f"{heading}ann,b,9,1600000000\n")
    shown = preview([str(tmp_path)], database_url, LoadOptions())
    read_as = {
        column.read_as for file in shown.files for column in file.columns if column.name == "rating"
    }
    assert len(read_as) == 1
    assert "from 1 to 10" in read_as.pop()
