"""Judging the run being served, the nights and the live vectors. Pure."""

from datetime import datetime

from serving.repositories.diagnosis import (
    MOST_COUNTED,
    EndedNight,
    OpenNight,
    ServedRun,
    StoreFigures,
    UnknownEvents,
)
from serving.services.diagnosis.bounds import Bounds
from serving.services.diagnosis.finding import Finding, told_count, told_duration

_NIGHT = "Run one now with `tandem nightly`, or start the deployment nightly in Prefect."


def judge_run(figures: StoreFigures, bounds: Bounds, now: datetime) -> list[Finding]:
    """Findings about what is served and what is being learned."""
    findings = [_night(figures.open_night, figures.ended_night, now)]
    if figures.served is None:
        what = "No model run is published yet: lists are what is popular in the log."
        return [Finding("run", "problem", what, advice=_NIGHT), *findings]
    findings = [
        _age(figures.served, bounds, now),
        *findings,
        _comparison(figures.served),
        _index(figures.served, bounds),
    ]
    if figures.unknown_events is not None:
        findings.append(_speed(figures.unknown_events, bounds, now))
    return findings


def _age(served: ServedRun, bounds: Bounds, now: datetime) -> Finding:
    age = now - served.cut_off_at
    what = f"Run {served.run_id} is served; it has learned from what is older than"
    what = f"{what} {told_duration(age)}."
    if age <= bounds.oldest_run:
        return Finding("run", "ok", what, served.served_since)
    return Finding(
        "run",
        "problem",
        f"{what} That is older than {told_duration(bounds.oldest_run)}.",
        served.cut_off_at,
        f"See why no newer one was published: `tandem runs`. {_NIGHT}",
    )


def _night(open_night: OpenNight | None, ended: EndedNight | None, now: datetime) -> Finding:
    if open_night is not None and open_night.alive:
        age = told_duration(now - open_night.started_at)
        what = f"A night is running (run {open_night.run_id}), for {age}."
        return Finding("night", "notice", what, open_night.started_at)
    if open_night is not None:
        return Finding(
            "night",
            "problem",
            f"The process of the last night (run {open_night.run_id}) died before the run ended.",
            open_night.started_at,
            f"Its log says why, in Prefect or with the stack's logs. {_NIGHT}",
        )
    return _last_night(ended)


def _last_night(ended: EndedNight | None) -> Finding:
    if ended is None:
        return Finding("night", "ok", "No night has run yet.")
    if ended.state not in {"refused", "failed"}:
        what = f"The last night ended well (run {ended.run_id})."
        return Finding("night", "ok", what, ended.ended_at)
    advice = "The run served before goes on being served."
    details = f"All figures: `tandem runs show {ended.run_id}`."
    if ended.state == "failed":
        details = f"When the reason is gone: {_NIGHT[0].lower()}{_NIGHT[1:]}"
    reason = ended.reason or "no reason was stored"
    return Finding(
        "night",
        "problem",
        f"The last night (run {ended.run_id}) {_ENDINGS[ended.state]}: {reason}",
        ended.ended_at,
        f"{advice} {details}",
    )


_ENDINGS = {"refused": "was refused", "failed": "failed"}


def _comparison(served: ServedRun) -> Finding:
    if served.compared:
        what = f"Run {served.run_id} stood the comparison at the gate."
        return Finding("gate", "ok", what)
    users = told_count(served.evaluated_users or 0, "user")
    return Finding(
        "gate",
        "notice",
        f"Run {served.run_id} was published without comparison: only {users} could be evaluated.",
        advice="The gate begins to compare by itself when more users come back.",
    )


def _index(served: ServedRun, bounds: Bounds) -> Finding:
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


def _speed(events: UnknownEvents, bounds: Bounds, now: datetime) -> Finding:
    if events.waiting_since is not None and now - events.waiting_since > bounds.longest_wait:
        told = told_count(events.waiting, "event", most=MOST_COUNTED)
        return Finding(
            "speed",
            "problem",
            f"The speed worker is behind by {told}; the oldest waits for"
            f" {told_duration(now - events.waiting_since)}.",
            events.waiting_since,
            "See that it runs (`tandem status`) and what its log says. It catches up by itself.",
        )
    if events.held_since is not None and now - events.held_since > bounds.longest_wait:
        told = told_count(events.held, "event", most=MOST_COUNTED)
        return Finding(
            "speed",
            "notice",
            f"Behind a transaction that is still writing events, {told} cannot be folded in yet.",
            events.held_since,
            "Wait for it if it is a bulk load; otherwise look in pg_stat_activity for who holds it"
            " open.",
        )
    return Finding("speed", "ok", "The live vectors know all events.")
