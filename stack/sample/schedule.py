"""When the viewers watch: sessions of a few films, mostly in the evening, and clicks and reactions.

The schedule knows nothing of films. It decides how many events there are and when, so that their
number is exact and none lies in the future before a single film is chosen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stack.sample.viewers import Viewers

Whole = NDArray[np.int64]

SECONDS_PER_DAY = 86_400.0
FILMS_PER_SESSION = (2, 3, 4, 5)
FILMS_PER_SESSION_SHARES = (0.34, 0.33, 0.21, 0.12)
CLICK_SHARE = 0.25
REACTION_SHARE = 0.22
WATCHING_NOW_SHARE = 0.002
WATCHING_NOW_SECONDS = 1_800.0
# Relative activity of the local hours 0 to 23: low before dawn, a bump at noon, high from 19 to 22.
HOURLY_ACTIVITY = (5, 3, 2, 1, 1, 1, 2, 3, 4, 5, 5, 6, 8, 8, 7, 7, 8, 10, 14, 20, 24, 24, 18, 10)

CLICK, VIEW, REACTION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sessions, the viewings (of one film each) within them, and events in order of time.

    A session has `session_viewer` and `session_start` (seconds since the start of the span); the
    viewings of session s are numbered from `first_viewing[s]` to below `first_viewing[s + 1]`. An
    event has its session, its viewing, its part (CLICK, VIEW or REACTION) and its time in seconds
    since the start of the span.
    """

    session_viewer: NDArray[np.intp]
    session_start: NDArray[np.float64]
    first_viewing: Whole
    event_session: Whole
    event_viewing: Whole
    event_part: NDArray[np.int8]
    event_seconds: NDArray[np.float64]


def draw_schedule(
    viewers: Viewers,
    events: int,
    span_days: float,
    midnight_seconds: float,
    rng: np.random.Generator,
) -> Schedule:
    """Exactly `events` events within `span_days`.

    `midnight_seconds` runs from the start of the span to its first midnight in UTC, and so says
    when the evenings are.
    """
    # A session's first event is never after the span: as many sessions as events are always enough.
    session_viewer = _session_viewers(viewers, events, rng)
    start = _session_starts(viewers, session_viewer, span_days, midnight_seconds, rng)
    films = rng.choice(FILMS_PER_SESSION, len(start), p=FILMS_PER_SESSION_SHARES)
    first_viewing = np.concatenate([[0], np.cumsum(films)])
    session, viewing, part, seconds = _viewing_events(start, films, first_viewing, rng)
    kept = np.flatnonzero(seconds <= span_days * SECONDS_PER_DAY)
    kept = kept[np.lexsort((seconds[kept], session[kept]))][:events]
    kept = kept[np.argsort(seconds[kept], kind="stable")]
    return Schedule(
        session_viewer,
        start,
        first_viewing,
        session[kept],
        viewing[kept],
        part[kept],
        seconds[kept],
    )


def _session_viewers(viewers: Viewers, sessions: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """The viewer of each session: everyone once, then by activity."""
    everyone = rng.permutation(len(viewers.activity))[:sessions]
    others = rng.choice(len(viewers.activity), sessions - len(everyone), p=viewers.activity)
    return np.concatenate([everyone, others])


def _session_starts(
    viewers: Viewers,
    session_viewer: NDArray[np.intp],
    span_days: float,
    midnight_seconds: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Seconds since the start of the span: a day since the viewer joined, a local hour."""
    end = span_days * SECONDS_PER_DAY
    joined = viewers.joined_day[session_viewer]
    hours = np.array(HOURLY_ACTIVITY) / sum(HOURLY_ACTIVITY)
    local_hour = rng.choice(24, len(joined), p=hours) + rng.random(len(joined))
    clock = (local_hour - viewers.zone_hours[session_viewer]) * 3_600.0
    day = np.floor(rng.uniform(joined, span_days))
    since_joining = day * SECONDS_PER_DAY + midnight_seconds + clock - joined * SECONDS_PER_DAY
    # The evening of a viewer's first or last day may lie outside their time: it wraps around.
    wrapped = np.mod(since_joining, end - joined * SECONDS_PER_DAY)
    now = rng.random(len(joined)) < WATCHING_NOW_SHARE
    just_now = end - rng.uniform(0.0, WATCHING_NOW_SECONDS, len(joined))
    return np.minimum(np.where(now, just_now, joined * SECONDS_PER_DAY + wrapped), end)


def _viewing_events(
    start: NDArray[np.float64], films: Whole, first_viewing: Whole, rng: np.random.Generator
) -> tuple[Whole, Whole, NDArray[np.int8], NDArray[np.float64]]:
    """Session, viewing, part and seconds of every event, in no particular order."""
    session = np.repeat(np.arange(len(start)), films)
    viewing = np.arange(len(session))
    clicked = rng.random(len(viewing)) < CLICK_SHARE
    reacted = rng.random(len(viewing)) < REACTION_SHARE
    arrival = _arrivals(start, session, first_viewing, rng)
    viewed = arrival + clicked * rng.uniform(5.0, 90.0, len(viewing))
    reaction = viewed + rng.uniform(60.0, 400.0, len(viewing))
    chosen = np.concatenate([viewing[clicked], viewing, viewing[reacted]])
    part = np.repeat(
        np.array([CLICK, VIEW, REACTION], dtype=np.int8),
        [clicked.sum(), len(viewing), reacted.sum()],
    )
    seconds = np.concatenate([arrival[clicked], viewed, reaction[reacted]])
    return session[chosen], chosen, part, seconds


def _arrivals(
    start: NDArray[np.float64], session: Whole, first_viewing: Whole, rng: np.random.Generator
) -> NDArray[np.float64]:
    """When each film is reached: the first at the start, the others 10 minutes to 3 hours apart."""
    gaps = np.clip(rng.lognormal(np.log(2_400.0), 0.7, len(session)), 600.0, 10_800.0)
    gaps[first_viewing[:-1]] = 0.0
    since_first = np.cumsum(gaps)
    return start[session] + (since_first - since_first[first_viewing[:-1]][session])
