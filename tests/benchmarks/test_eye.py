"""What is shown of a user, and that it can be read."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from benchmarks.eye import Seen, ShownItem, lists_of_users, median_users, users_of_items
from benchmarks.loaded_files import Names
from domain.blend import BlendPolicy

ROOT = Path(__file__).parents[2]
SMALL = RunParameters(
    lists=ListHyperparameters(factors=8, iterations=3),
    space=SpaceParameters(factors=4, iterations=3, sequence_dimensions=4),
)
USERS, ITEMS = 40, 30

Make = Callable[..., Interactions]


def events() -> list[tuple[int, int, int, float]]:
    return [
        (user, 1 + (user + step) % ITEMS, 1, float(step))
        for user in range(1, USERS + 1)
        for step in range(12)
    ]


def test_users_are_counted_once_an_item(make_interactions: Make) -> None:
    log = make_interactions([(1, 5, 1, 0.0), (1, 5, 1, 1.0), (2, 5, 2, 0.0), (2, 6, 1, 0.0)])
    assert users_of_items(log) == {5: 2, 6: 1}


def test_the_median_item_is_of_all_users_lists() -> None:
    rare, known, popular = (ShownItem("A", users) for users in (1, 4, 100))
    seen = [
        Seen("a", 1, [popular], {"nightly": [rare, popular], "live": []}),
        Seen("b", 1, [known], {"nightly": [known], "live": []}),
    ]
    assert median_users(seen) == {"last used": 52.0, "nightly": 4.0, "live": 0.0}


def test_histories_are_newest_first_and_lists_hold_nothing_of_them(make_interactions: Make) -> None:
    names = Names(
        {no: f"user-{no}" for no in range(1, USERS + 1)},
        {no: f"Film {no}" for no in range(1, ITEMS + 1)},
    )
    asked = {"users": 3, "length": 5, "threads": 1}
    log = make_interactions(events())
    seen = lists_of_users(log, names, SMALL, BlendPolicy(), **asked)
    assert len(seen) == 3
    again = lists_of_users(log, names, SMALL, BlendPolicy(), **asked)
    assert [each.user_id for each in seen] == [each.user_id for each in again]
    for each in seen:
        user = int(each.user_id.removeprefix("user-"))
        newest = [f"Film {1 + (user + step) % ITEMS}" for step in range(11, 6, -1)]
        assert [item.title for item in each.history] == newest
        assert each.interactions == 12
        used = {f"Film {1 + (user + step) % ITEMS}" for step in range(12)}
        assert set(each.lists) == {"nightly", "live", "blended"}
        for items in each.lists.values():
            assert len(items) == 5
            assert not used & {item.title for item in items}
            assert all(item.users > 0 for item in items)


@pytest.mark.parametrize("as_json", [True, False])
def test_it_prints_titles_or_one_object(tmp_path: Path, *, as_json: bool) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    movies = [f"{no},Film {no} [a] (2001),Drama" for no in range(1, ITEMS + 1)]
    ratings = [f"{user},{item},4.5,{int(day) + 10**9}" for user, item, _, day in events()]
    for name, lines in (
        ("movies", ["movieId,title,genres", *movies]),
        ("ratings", ["userId,movieId,rating,timestamp", *ratings]),
    ):
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks", "eye", "--data", str(folder), "--users", "2"]
    command += ["--json"] if as_json else []
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if as_json:
        shown = json.loads(done.stdout.splitlines()[-1])["users"]
        assert len(shown) == 2
        assert len(shown[0]["lists"]["live"]) == 10
        assert set(json.loads(done.stdout)["median_users"]) > {"last used", "nightly"}
    else:
        assert done.stdout.count("interactions") == 2
        assert "[a] (2001)" in done.stdout
        assert all(name in done.stdout for name in ("last used", "nightly", "live", "blended"))
