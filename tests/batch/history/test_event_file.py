"""Numbers of users and items of a file: by their ids, not by the order of the lines."""

from pathlib import Path

from batch.history.event_file import read_event_file


def read(tmp_path: Path, *lines: str) -> list[tuple[int, int]]:
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,timestamp\n" + "\n".join(lines), encoding="utf-8")
    log = read_event_file(path)
    return list(zip(log.user_nos.tolist(), log.item_nos.tolist(), strict=True))


def test_ids_that_are_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    # Of one instant: items 9 and 10 come as numbers do, and 010 is another item than 10.
    assert read(tmp_path, "2,10,5", "2,9,5", "10,010,6") == [(0, 0), (0, 2), (1, 1)]


def test_other_ids_are_in_the_order_of_text(tmp_path: Path) -> None:
    assert read(tmp_path, "b,10,5", "a,9,5", "a,x,6") == [(1, 0), (0, 1), (0, 2)]
