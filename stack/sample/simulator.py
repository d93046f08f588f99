"""Simulated viewers of the sample films: taste, drift, sessions and evenings, all from one seed.

Each film of a session is drawn from a softmax over the catalogue of what the viewer likes that day,
what is popular that week and, after the first film, what continues the evening. The draw is the
Gumbel-max trick, so one argmax draws for a whole round of viewers.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stack.sample.catalogue import Film
from stack.sample.film_space import FilmSpace, Floats, film_space
from stack.sample.schedule import CLICK, REACTION, SECONDS_PER_DAY, VIEW, Schedule, draw_schedule
from stack.sample.viewers import Viewers, draw_viewers

SPAN_DAYS = 540.0
CONTINUATION = 1.1
REST_DAYS = 31.0
ALREADY_SEEN = 2.5
RESTING = 1e4
DISLIKED_BELOW = -0.5

KINDS = ("click", "view", "like", "rate", "dislike")
_CLICK, _VIEW, _LIKE, _RATE, _DISLIKE = range(len(KINDS))

EVENTS_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("kind", pa.string()),
        ("value", pa.float64()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
    ]
)


def simulate_events(
    films: Sequence[Film],
    *,
    viewers: int = 2000,
    events: int = 100_000,
    seed: int = 0,
    until: datetime,
) -> pa.Table:
    """Exactly `events` events over the 540 days before `until`, in order of time.

    The same arguments give the same table. `value` is a rating from 1.0 to 5.0 in halves for the
    kind `rate` and null for every other. Every viewer appears if there are enough events for a
    session each.

    Raises ValueError if there is no film or no viewer, if `events` is negative, or if `until` has
    no time zone.
    """
    if not films or viewers < 1 or events < 0 or until.tzinfo is None:
        raise ValueError("needs a film, a viewer, 0 events or more, and `until` with a time zone")
    start = until.astimezone(UTC) - timedelta(days=SPAN_DAYS)
    rng = np.random.default_rng(seed)
    space = film_space(films, int(SPAN_DAYS) // 7 + 1, rng)
    population = draw_viewers(viewers, space.points, SPAN_DAYS, rng)
    schedule = draw_schedule(population, events, SPAN_DAYS, _seconds_to_midnight(start), rng)
    film_no, match = _choose_films(space, population, schedule, rng)
    kind, value = _kinds_and_values(population, schedule, match, rng)
    return _events_table(
        films=films,
        schedule=schedule,
        film_no=film_no,
        kind=kind,
        value=value,
        seed=seed,
        start=start,
    )


def _seconds_to_midnight(start: datetime) -> float:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - start).total_seconds()


def _choose_films(
    space: FilmSpace, population: Viewers, schedule: Schedule, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Floats]:
    """The film of every viewing, and how well it matches the viewer's taste.

    The match is in standard deviations over the catalogue. Sessions are taken in rounds, the n-th
    of every viewer together, so that what a viewer has seen is known.
    """
    viewings = int(schedule.first_viewing[-1])
    film_no = np.zeros(viewings, dtype=np.intp)
    match = np.zeros(viewings, dtype=np.float32)
    last_seen_day = np.full(
        (len(population.activity), len(space.points)), -np.inf, dtype=np.float32
    )
    for sessions in _rounds(schedule):
        who = schedule.session_viewer[sessions]
        days = (schedule.session_start[sessions] / SECONDS_PER_DAY).astype(np.float32)
        liking = population.taste(who, days, SPAN_DAYS) @ space.points.T
        appeal = (
            liking
            + space.popularity[days.astype(np.intp) // 7]
            - _reluctance(days, last_seen_day[who])
        )
        standing = _standardised(liking)
        for rows, viewing, film in _evening(space, schedule, sessions, appeal, rng):
            film_no[viewing] = film
            match[viewing] = standing[rows, film]
            last_seen_day[who[rows], film] = days[rows]
    return film_no, match


def _rounds(schedule: Schedule) -> Iterator[NDArray[np.intp]]:
    """Sessions that have events: every viewer's earliest, every viewer's second, and so on."""
    sessions = np.unique(schedule.event_session)
    order = sessions[
        np.lexsort((schedule.session_start[sessions], schedule.session_viewer[sessions]))
    ]
    who = schedule.session_viewer[order]
    turn = np.arange(len(order)) - np.searchsorted(who, who)
    by_turn = np.argsort(turn, kind="stable")
    yield from np.split(order[by_turn], np.cumsum(np.bincount(turn))[:-1])


def _reluctance(days: Floats, last_seen_day: Floats) -> Floats:
    """What a seen film loses in appeal: everything for a month, something for ever."""
    resting = days[:, None] - last_seen_day < REST_DAYS
    return np.where(
        resting,
        np.float32(RESTING),
        np.where(np.isfinite(last_seen_day), np.float32(ALREADY_SEEN), 0),
    )


def _standardised(liking: Floats) -> Floats:
    centred = liking - liking.mean(axis=1, keepdims=True)
    spread = np.maximum(centred.std(axis=1, keepdims=True), np.float32(1e-6))
    standing: Floats = centred / spread
    return standing


def _evening(
    space: FilmSpace,
    schedule: Schedule,
    sessions: NDArray[np.intp],
    appeal: Floats,
    rng: np.random.Generator,
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.intp]]]:
    """Go film by film through these sessions, a row of `appeal` each.

    Yields the rows still watching, their viewings, and the films they choose.
    """
    first, end = schedule.first_viewing[sessions], schedule.first_viewing[sessions + 1]
    rows = np.arange(len(sessions))
    draw = appeal
    while len(rows):
        # A draw of exactly 0 would put even a resting film first.
        luck = np.maximum(rng.standard_exponential(draw.shape, dtype=np.float32), np.float32(1e-7))
        film = (draw - np.log(luck)).argmax(axis=1)
        yield rows, first[rows], film
        appeal[rows, film] -= np.float32(RESTING)
        first = first + 1
        watching = first[rows] < end[rows]
        rows, film = rows[watching], film[watching]
        draw = appeal[rows] + np.float32(CONTINUATION) * space.similarity[film]


def _kinds_and_values(
    population: Viewers, schedule: Schedule, match: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The kind (an index into `KINDS`) and value (NaN where none) of every event."""
    count = len(schedule.event_part)
    felt = match[schedule.event_viewing] + rng.normal(0.0, 0.6, count)
    who = schedule.session_viewer[schedule.event_session]
    rates = rng.random(count) < population.rates_share[who]
    reaction = np.where(rates, _RATE, np.where(felt < DISLIKED_BELOW, _DISLIKE, _LIKE))
    kind = np.select(
        [
            schedule.event_part == CLICK,
            schedule.event_part == VIEW,
            schedule.event_part == REACTION,
        ],
        [_CLICK, _VIEW, reaction],
    ).astype(np.int8)
    stars = np.clip(np.round((2.6 + 0.9 * felt) * 2.0) / 2.0, 1.0, 5.0)
    return kind, np.where(kind == _RATE, stars, np.nan)


def _events_table(
    *,
    films: Sequence[Film],
    schedule: Schedule,
    film_no: NDArray[np.intp],
    kind: NDArray[np.int8],
    value: NDArray[np.float64],
    seed: int,
    start: datetime,
) -> pa.Table:
    count = len(kind)
    who = schedule.session_viewer[schedule.event_session]
    user_ids = pa.array(
        [f"viewer-{number:04d}" for number in range(1, int(who.max(initial=-1)) + 2)], pa.string()
    )
    item_ids = pa.array([film.item_id for film in films], pa.string())
    # Floored to the millisecond, so that no event rounds past the end of the span.
    microseconds = np.floor(schedule.event_seconds * 1e3).astype(np.int64) * 1_000
    begin = np.datetime64(start.replace(tzinfo=None), "us").astype(np.int64)
    columns = [
        pa.array([f"sample-{seed}-{number:06d}" for number in range(1, count + 1)], pa.string()),
        user_ids.take(pa.array(who)),
        item_ids.take(pa.array(film_no[schedule.event_viewing])),
        pa.array(KINDS, pa.string()).take(pa.array(kind)),
        pa.array(value, pa.float64(), mask=np.isnan(value)),
        pa.array(begin + microseconds, pa.int64()).cast(EVENTS_SCHEMA.field("occurred_at").type),
    ]
    return pa.table(columns, schema=EVENTS_SCHEMA)
