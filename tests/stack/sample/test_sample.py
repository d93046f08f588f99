import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.sample.catalogue import GENRES, ITEMS_SCHEMA, items_table, load_films
from stack.sample.simulator import EVENTS_SCHEMA, KINDS, SPAN_DAYS, simulate_events

UNTIL = datetime(2025, 6, 3, 14, 7, 9, 250_123, tzinfo=UTC)
FILMS = load_films()


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return simulate_events(FILMS, viewers=400, events=20_000, seed=7, until=UNTIL)


def events_per_viewer(table: pa.Table) -> np.ndarray:
    return np.sort(
        table.group_by("user_id").aggregate([("kind", "count")])["kind_count"].to_numpy()
    )


def viewings(table: pa.Table) -> list[dict]:
    """Views in the order of viewer and time."""
    views = table.filter(pc.equal(table["kind"], "view"))
    return views.sort_by([("user_id", "ascending"), ("occurred_at", "ascending")]).to_pylist()


def next_viewings(table: pa.Table) -> list[tuple[dict, dict]]:
    """Pairs of views by one viewer that follow each other within four hours."""
    rows = viewings(table)
    return [
        (first, other)
        for first, other in pairwise(rows)
        if first["user_id"] == other["user_id"]
        and other["occurred_at"] - first["occurred_at"] < timedelta(hours=4)
    ]


def test_the_catalogue_has_about_five_hundred_films_with_ids_of_their_own() -> None:
    assert 480 <= len(FILMS) <= 520
    assert len({film.item_id for film in FILMS}) == len(FILMS)
    assert len({(film.title, film.year) for film in FILMS}) == len(FILMS)


def test_an_item_id_is_a_slug_that_ends_in_the_year() -> None:
    for film in FILMS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", film.item_id), film
        assert film.item_id.endswith(f"-{film.year}"), film


def test_every_film_is_from_a_year_in_which_films_were_made() -> None:
    assert all(1895 <= film.year <= 2025 for film in FILMS)


def test_the_catalogue_spans_the_eras_of_film() -> None:
    decades = Counter(film.year // 10 * 10 for film in FILMS)
    assert all(decades[decade] >= 5 for decade in range(1920, 2030, 10))


def test_genres_are_known_alphabetical_and_not_repeated() -> None:
    for film in FILMS:
        assert film.genres, film
        assert set(film.genres) <= set(GENRES), film
        assert list(film.genres) == sorted(set(film.genres)), film


def test_every_genre_has_at_least_twelve_films() -> None:
    count = Counter(genre for film in FILMS for genre in film.genres)
    assert min(count[genre] for genre in GENRES) >= 12


def test_every_description_is_one_sentence_of_8_to_25_words() -> None:
    for film in FILMS:
        assert 8 <= len(film.description.split()) <= 25, film
        assert re.fullmatch(r"[^.!?]+\.", film.description), film
        assert film.description == film.description.strip(), film


def test_no_two_films_share_a_description_or_its_opening() -> None:
    assert len({film.description for film in FILMS}) == len(FILMS)
    openings = Counter(" ".join(film.description.split()[:6]) for film in FILMS)
    assert max(openings.values()) == 1


def test_the_items_table_holds_every_film_with_its_year_as_json() -> None:
    table = items_table()
    assert table.schema == ITEMS_SCHEMA
    rows = {row["item_id"]: row for row in table.to_pylist()}
    assert len(rows) == len(FILMS)
    assert rows["the-godfather-1972"]["title"] == "The Godfather"
    assert rows["the-godfather-1972"]["categories"] == ["Crime", "Drama"]
    assert json.loads(rows["the-godfather-1972"]["attributes"]) == {"year": 1972}


def test_the_same_seed_gives_the_same_events(events: pa.Table) -> None:
    again = simulate_events(FILMS, viewers=400, events=20_000, seed=7, until=UNTIL)
    assert again.equals(events)


def test_another_seed_gives_other_events(events: pa.Table) -> None:
    other = simulate_events(FILMS, viewers=400, events=20_000, seed=8, until=UNTIL)
    assert other["item_id"] != events["item_id"]
    assert not set(other["event_id"].to_pylist()) & set(events["event_id"].to_pylist())


def test_the_clock_face_of_until_does_not_matter_only_its_instant(events: pa.Table) -> None:
    elsewhere = UNTIL.astimezone(timezone(timedelta(hours=-7)))
    again = simulate_events(FILMS, viewers=400, events=20_000, seed=7, until=elsewhere)
    assert again.equals(events)


def test_events_are_exact_in_number_numbered_and_in_order_of_time(events: pa.Table) -> None:
    assert events.schema == EVENTS_SCHEMA
    assert events.num_rows == 20_000
    assert events["event_id"][0].as_py() == "sample-7-000001"
    assert events["event_id"][-1].as_py() == "sample-7-020000"
    assert len(set(events["event_id"].to_pylist())) == 20_000
    times = events["occurred_at"].to_pylist()
    assert times == sorted(times)


def test_events_span_540_days_up_to_the_last_minutes_and_never_the_future(
    events: pa.Table,
) -> None:
    first, last = events["occurred_at"][0].as_py(), events["occurred_at"][-1].as_py()
    assert UNTIL - timedelta(days=SPAN_DAYS) <= first <= UNTIL - timedelta(days=SPAN_DAYS - 3)
    assert UNTIL - timedelta(minutes=30) <= last <= UNTIL


def test_every_user_item_and_kind_is_known(events: pa.Table) -> None:
    assert set(events["kind"].to_pylist()) == set(KINDS)
    assert set(events["item_id"].to_pylist()) <= {film.item_id for film in FILMS}
    assert set(events["user_id"].to_pylist()) == {f"viewer-{n:04d}" for n in range(1, 401)}


def test_views_are_most_events_and_dislikes_are_rare(events: pa.Table) -> None:
    share = {kind: count / 20_000 for kind, count in Counter(events["kind"].to_pylist()).items()}
    assert share["view"] > 0.5
    assert share["dislike"] < 0.02


def test_a_rating_has_half_stars_from_one_to_five_and_nothing_else_has_a_value(
    events: pa.Table,
) -> None:
    rates = pc.equal(events["kind"], "rate")
    stars = set(events.filter(rates)["value"].to_pylist())
    assert stars <= {half / 2 for half in range(2, 11)}
    assert len(stars) >= 5
    assert (
        events.filter(pc.invert(rates))["value"].null_count
        == events.num_rows - pc.sum(rates).as_py()
    )


def test_every_reaction_follows_a_view_of_the_same_film_by_the_same_viewer(
    events: pa.Table,
) -> None:
    viewed = set()
    for row in events.to_pylist():
        if row["kind"] == "view":
            viewed.add((row["user_id"], row["item_id"]))
        elif row["kind"] != "click":
            assert (row["user_id"], row["item_id"]) in viewed


def test_activity_is_heavy_tailed(events: pa.Table) -> None:
    counts = events_per_viewer(events)
    assert counts[len(counts) // 10] <= 12
    assert counts[-1] >= 6 * np.median(counts)
    assert counts[-len(counts) // 10 :].sum() > counts.sum() / 3


def test_popularity_is_long_tailed(events: pa.Table) -> None:
    counts = sorted(Counter(events["item_id"].to_pylist()).values(), reverse=True)
    assert sum(counts[: len(FILMS) // 10]) > 2 * events.num_rows / 10
    assert counts[0] > 4 * np.median(counts)
    assert len(counts) > 0.95 * len(FILMS)


def test_no_viewer_views_a_film_twice_within_30_days(events: pa.Table) -> None:
    last: dict[tuple[str, str], datetime] = {}
    for row in viewings(events):
        film = (row["user_id"], row["item_id"])
        assert row["occurred_at"] - last.get(film, datetime.min.replace(tzinfo=UTC)) > timedelta(30)
        last[film] = row["occurred_at"]


def test_some_viewers_joined_only_recently(events: pa.Table) -> None:
    first = events.group_by("user_id").aggregate([("occurred_at", "min")])["occurred_at_min"]
    recent = sum(time > UNTIL - timedelta(days=60) for time in first.to_pylist())
    assert recent >= 5


def test_films_of_one_sitting_share_genres_more_than_films_at_random(events: pa.Table) -> None:
    genres = {film.item_id: set(film.genres) for film in FILMS}

    def similarity(pairs: list[tuple[str, str]]) -> float:
        return float(np.mean([bool(genres[first] & genres[other]) for first, other in pairs]))

    together = [(first["item_id"], other["item_id"]) for first, other in next_viewings(events)]
    others = np.random.default_rng(0).permutation([other for _, other in together])
    apart = [(first, str(other)) for (first, _), other in zip(together, others, strict=True)]
    assert similarity(together) > similarity(apart) + 0.15


def test_viewers_differ_in_the_genres_they_watch(events: pa.Table) -> None:
    """A viewer's favourite genre of the first half of their views leads in the second half too."""
    genres = {film.item_id: film.genres for film in FILMS}
    by_viewer: dict[str, list[str]] = {}
    for row in viewings(events):
        by_viewer.setdefault(row["user_id"], []).append(row["item_id"])
    overall = Counter(g for films in by_viewer.values() for film in films for g in genres[film])
    lifts = []
    for films in (films for films in by_viewer.values() if len(films) >= 40):
        early, late = films[: len(films) // 2], films[len(films) // 2 :]
        before = Counter(g for film in early for g in genres[film])
        favourite = max(before, key=lambda genre: before[genre] / (overall[genre] + 200))
        after = Counter(g for film in late for g in genres[film])
        expected = overall[favourite] / overall.total()
        lifts.append(after[favourite] / after.total() / expected)
    assert len(lifts) >= 50
    assert np.mean(lifts) > 1.4


@given(
    viewers=st.integers(1, 12),
    events=st.integers(0, 40),
    seed=st.integers(0, 2**32),
    films=st.integers(1, 6),
)
def test_any_small_size_gives_exactly_that_many_events_in_the_past(
    viewers: int, events: int, seed: int, films: int
) -> None:
    table = simulate_events(FILMS[:films], viewers=viewers, events=events, seed=seed, until=UNTIL)
    assert table.schema == EVENTS_SCHEMA
    assert table.num_rows == events
    times = table["occurred_at"].to_pylist()
    assert times == sorted(times)
    assert all(UNTIL - timedelta(days=SPAN_DAYS) <= time <= UNTIL for time in times)
    known = {f"viewer-{n:04d}" for n in range(1, viewers + 1)}
    assert set(table["user_id"].to_pylist()) <= known
    assert set(table["kind"].to_pylist()) <= set(KINDS)


@pytest.mark.parametrize(
    "wrong",
    [{"viewers": 0}, {"events": -1}, {"until": UNTIL.replace(tzinfo=None)}, {"films": ()}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_impossible_sizes_and_times_without_a_zone_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="needs a film, a viewer"):
        simulate_events(
            wrong.get("films", FILMS),
            viewers=wrong.get("viewers", 1),
            events=wrong.get("events", 1),
            until=wrong.get("until", UNTIL),
        )
