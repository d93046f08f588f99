"""Judging the run being served, and the nights. Pure."""

from datetime import datetime

from serving.diagnosis.diagnosis_figures import (
    EndedNight,
    OpenNight,
    ServedFigures,
    ServedRun,
    StoreFigures,
)
from serving.diagnosis.finding import Bounds, Finding, format_count, format_duration
from serving.diagnosis.process import REBUILD

_NIGHT = "Run one now with `tandem nightly`, or start the deployment nightly in Prefect."
_SCHEDULE = "See in Prefect that the deployment nightly is scheduled and what became of its runs."


def judge_run(figures: StoreFigures, bounds: Bounds, now: datetime) -> list[Finding]:
    """Findings about what is served and what is being learned."""
    night = _night(figures.open_night, figures.ended_night, bounds, now)
    if figures.served is None:
        what = "No model run is published yet: lists are what is popular in the log."
        return [Finding("run", "problem", what, advice=_NIGHT), night]
    return [
        _run(figures.served, bounds, now),
        night,
        _comparison(figures.served),
        _index(figures.served, figures.kept_up, bounds),
        _lists(figures.served),
    ]


def _run(served: ServedRun, bounds: Bounds, now: datetime) -> Finding:
    age = now - served.cut_off_at
    what = f"Run {served.run_id} is served; it has learned from what is older than"
    what = f"{what} {format_duration(age)}."
    if served.rolled_back_by is not None:
        what = f"{what} It was rolled back to (by: {served.rolled_back_by})."
    if age > bounds.oldest_run:
        return Finding(
            "run",
            "problem",
            f"{what} That is older than {format_duration(bounds.oldest_run)}.",
            served.cut_off_at,
            _newer(served) or f"See why no newer one was published: `tandem runs`. {_NIGHT}",
        )
    if served.rolled_back_by is not None:
        return Finding("run", "notice", what, served.served_since, _newer(served))
    return Finding("run", "ok", what, served.served_since)


def _newer(served: ServedRun) -> str | None:
    """What to do while an earlier run is served; None if there is none that is newer."""
    if served.rolled_back_by is None or served.newer_run_id is None:
        return None
    newer = served.newer_run_id
    return f"The next night replaces it. To serve run {newer} again now: tandem rollback {newer}"


def _night(
    open_night: OpenNight | None, ended: EndedNight | None, bounds: Bounds, now: datetime
) -> Finding:
    if open_night is None:
        return _last_night(ended, bounds, now)
    if not open_night.alive:
        return Finding(
            "night",
            "problem",
            f"The process of the last night (run {open_night.run_id}) died before the run ended.",
            open_night.started_at,
            f"Its log says why, in Prefect or with the stack's logs. {_NIGHT}",
        )
    age = now - open_night.started_at
    what = f"A night is running (run {open_night.run_id}), for {format_duration(age)}."
    if age <= bounds.longest_day:
        return Finding("night", "notice", what, open_night.started_at)
    return Finding(
        "night",
        "problem",
        f"{what} No other can begin meanwhile.",
        open_night.started_at,
        "See in Prefect which step it is at. If it does not move, cancel it there, and run one"
        " with `tandem nightly`.",
    )


def _last_night(ended: EndedNight | None, bounds: Bounds, now: datetime) -> Finding:
    if ended is None:
        return Finding("night", "ok", "No night has run yet.")
    if ended.state in _ENDINGS:
        return _bad_night(ended, bounds, now)
    what = f"The last night ended well (run {ended.run_id})"
    if ended.ended_at is None:
        return Finding("night", "ok", f"{what}.")
    age = now - ended.ended_at
    what = f"{what}, {format_duration(age)} ago"
    if age <= bounds.longest_day:
        return Finding("night", "ok", f"{what}.", ended.ended_at)
    what = f"{what}, and none has begun since."
    return Finding("night", "problem", what, ended.ended_at, f"{_SCHEDULE} {_NIGHT}")


def _bad_night(ended: EndedNight, bounds: Bounds, now: datetime) -> Finding:
    reason = (ended.reason or "no reason was stored").rstrip(".")
    what = f"The last night (run {ended.run_id}) {_ENDINGS[ended.state]}: {reason}."
    advice = "The run served before goes on being served."
    if ended.state == "failed":
        advice = f"{advice} When the reason is gone: {_NIGHT[0].lower()}{_NIGHT[1:]}"
    else:
        advice = f"{advice} All figures: `tandem runs show {ended.run_id}`."
    if ended.ended_at is not None and now - ended.ended_at > bounds.longest_day:
        what = f"{what} None has begun since, for {format_duration(now - ended.ended_at)}."
        advice = f"{advice} {_SCHEDULE}"
    return Finding("night", "problem", what, ended.ended_at, advice)


_ENDINGS = {"refused": "was refused", "failed": "failed"}


def _comparison(served: ServedRun) -> Finding:
    if served.compared:
        what = f"Run {served.run_id} passed the comparison at the promotion gate."
        return Finding("gate", "ok", what)
    users = format_count(served.evaluated_users or 0, "user")
    return Finding(
        "gate",
        "notice",
        f"Run {served.run_id} was published without comparison: only {users} could be evaluated.",
        advice="The gate begins to compare by itself when more users come back.",
    )


def _lists(served: ServedRun) -> Finding:
    if not served.vanished_items:
        return Finding("lists", "ok", f"No item vanished from the lists with run {served.run_id}.")
    more = f" and {served.vanished_items - 1:,} more" if served.vanished_items > 1 else ""
    return Finding(
        "lists",
        "notice",
        f"The item {served.vanished!r}{more} stood in many lists and is in none of run"
        f" {served.run_id}.",
        served.served_since,
        "If nothing explains it, look at the newest events with it, and serve the run before:"
        " tandem rollback.",
    )


def _index(served: ServedRun, kept_up: ServedFigures | None, bounds: Bounds) -> Finding:
    if kept_up is not None and kept_up.lacking_indexes:
        names = " and ".join(kept_up.lacking_indexes)
        are = "is" if len(kept_up.lacking_indexes) == 1 else "are"
        return Finding(
            "index",
            "problem",
            f"{names}, with which run {served.run_id} was published, {are} gone or unfinished."
            " Every item is compared; where that takes too long searches go by words only, and"
            " recommendations by the nightly list. Such answers say vector_index.",
            advice=REBUILD,
        )
    if served.index_recall is None:
        return Finding("index", "ok", "The items are searched exactly; there is no index.")
    recall = f"finds {served.index_recall:.1%} of the exact answer"
    if served.index_recall >= bounds.index_recall:
        return Finding("index", "ok", f"The index of run {served.run_id} {recall}.")
    return Finding(
        "index",
        "notice",
        f"The index of run {served.run_id} {recall}, less than the bound of"
        f" {bounds.index_recall:.1%}: the items are searched exactly, which takes longer.",
        served.served_since,
        "If answers are too slow, lower TANDEM_INDEX_RECALL_BOUND; the next night builds another"
        " index.",
    )
