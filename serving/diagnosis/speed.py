"""Judging what the speed worker keeps current: live vectors, embeddings, popular lists. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from serving.diagnosis.diagnosis_figures import (
    MOST_COUNTED,
    PopularPart,
    ServedFigures,
    ServedRun,
    StoreFigures,
    UnknownEvents,
    WaitingItems,
)
from serving.diagnosis.finding import Bounds, Finding, format_count, format_duration
from sql.popular import RESTS

_POPULAR_PATIENCE = timedelta(minutes=2)
_TIMES_AS_LONG = 4
"""A refresh may take so many times what the parts took the last time: the log grows."""
_SHORT = timedelta(seconds=2)
"""The worker holds a run's popular lists for a moment whenever it looks at them."""

_IS_IT_RUNNING = "See that the speed worker runs (`tandem status`) and what its log says."
_START_IT = "Start it: `tandem up` does, or python -m speed. Its log says why it ended."
_CATCHES_UP = "It catches up by itself."


def judge_speed(figures: StoreFigures, bounds: Bounds, now: datetime) -> list[Finding]:
    """Whether a worker is there, and what it has not done."""
    findings = [_workers(figures.speed_workers)]
    if figures.served is not None and figures.kept_up is not None:
        kept_up = figures.kept_up
        advice = f"{_IS_IT_RUNNING if figures.speed_workers else _START_IT} {_CATCHES_UP}"
        findings += [
            _version(kept_up, figures.served),
            _live_vectors(kept_up.unknown_events, bounds, now, advice),
            _item_embeddings(kept_up.waiting_items, bounds, now, advice),
            _popular(kept_up, figures.served, bounds, now, advice),
        ]
    return findings


def _workers(count: int) -> Finding:
    if count:
        subject = "A speed worker is" if count == 1 else f"{count} speed workers are"
        return Finding("worker", "ok", f"{subject} connected.")
    return Finding(
        "worker",
        "problem",
        "No speed worker is seen among the connections to the database. Where none runs, new events"
        " change no list except that what was seen is left out, and new items are not recommended.",
        advice=_START_IT,
    )


def _version(kept_up: ServedFigures, served: ServedRun) -> Finding:
    if kept_up.unusable is None:
        return Finding("version", "ok", "The run being served is of this version of Tandem.")
    return Finding(
        "version",
        "problem",
        f"{kept_up.unusable} Its lists are shown, but no event changes them and no new item is"
        " embedded: the speed worker waits for another run.",
        served.served_since,
        "Run the newer version again, or serve a run of this one: `tandem runs` lists them,"
        " `tandem rollback RUN` or `tandem nightly` serves one. No event is lost meanwhile.",
    )


def _live_vectors(events: UnknownEvents, bounds: Bounds, now: datetime, advice: str) -> Finding:
    if events.waiting_since is not None and now - events.waiting_since > bounds.longest_wait:
        amount = format_count(events.waiting, "event", most=MOST_COUNTED)
        return Finding(
            "speed",
            "problem",
            f"The speed worker is behind by {amount}; the oldest waits for"
            f" {format_duration(now - events.waiting_since)}.",
            events.waiting_since,
            advice,
        )
    if events.held_since is not None and now - events.held_since > bounds.longest_wait:
        amount = format_count(events.held, "event", most=MOST_COUNTED)
        return Finding(
            "speed",
            "notice",
            f"Behind a transaction that is still writing events, {amount} cannot be folded in yet.",
            events.held_since,
            "Wait for it if it is a bulk load; otherwise look in pg_stat_activity for who holds it"
            " open.",
        )
    return Finding("speed", "ok", "The live vectors know all events.")


def _item_embeddings(items: WaitingItems, bounds: Bounds, now: datetime, advice: str) -> Finding:
    since = items.waiting_since
    if since is None or now - since <= bounds.longest_wait:
        return Finding("new-items", "ok", "No new item waits for its embedding in the run.")
    amount = format_count(items.waiting, "new item", most=MOST_COUNTED)
    waits = "waits for its embedding" if items.waiting == 1 else "wait for their embeddings"
    what = f"{amount} {waits} in the run, the first for {format_duration(now - since)}"
    last = items.last_embedded_at
    if last is not None and now - last <= bounds.longest_wait:
        what = f"{what}; they are being embedded, the last {format_duration(now - last)} ago."
        return Finding("new-items", "notice", what, since, "Wait: a bulk load takes its time.")
    what = f"{what}: until then nobody is recommended them."
    return Finding("new-items", "problem", what, since, advice)


def _popular(
    kept_up: ServedFigures, served: ServedRun, bounds: Bounds, now: datetime, advice: str
) -> Finding:
    parts = kept_up.popular_parts
    late = [part for part in parts if now > latest_refresh(part, parts, served, bounds)]
    unknown_since = [part.unknown_since for part in late if part.unknown_since is not None]
    if not unknown_since:
        return Finding("popular", "ok", "The popular lists are as fresh as they should be.")
    since = min(unknown_since)
    what = f"The popular lists lack what came in the last {format_duration(now - since)}"
    begun = kept_up.refreshing_since
    if begun is None and kept_up.refreshing:
        what = f"{what}; somebody is making them anew, it cannot be seen since when."
        advice = "Wait and look again. Who has pg_read_all_stats sees since when."
        return Finding("popular", "notice", what, since, advice)
    if begun is not None and now - begun > _SHORT:
        what = f"{what}; they are being made anew, for {format_duration(now - begun)}."
        return Finding("popular", "notice", what, since, "Wait: a grown log takes its time.")
    what = f"{what}: nobody has made them anew, although it was time to."
    advice = f"{advice} A refresh that fails is logged as popular_not_refreshed."
    return Finding("popular", "problem", what, since, advice)


def latest_refresh(
    part: PopularPart, parts: Sequence[PopularPart], served: ServedRun, bounds: Bounds
) -> datetime:
    """Until when a part should know what is new; the end of time if nothing is.

    A part is due when there is something new, it has rested, and its run is served.
    """
    if part.unknown_since is None:
        return datetime.max.replace(tzinfo=served.served_since.tzinfo)
    rest = max(bounds.popular_rest, timedelta(seconds=RESTS * part.seconds))
    due = max(part.unknown_since, served.served_since)
    if part.refreshed_at is not None:
        due = max(due, part.refreshed_at + rest)
    both = timedelta(seconds=sum(other.seconds for other in parts))
    return due + _POPULAR_PATIENCE + _TIMES_AS_LONG * both
