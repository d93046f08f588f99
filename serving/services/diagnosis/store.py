"""Judging what the database holds: items, events, users. Pure."""

from datetime import datetime

from serving.repositories.diagnosis import MOST_COUNTED, Contents, StoreFigures
from serving.services.diagnosis.bounds import Bounds
from serving.services.diagnosis.finding import Finding, told_count, told_duration
from serving.services.diagnosis.run import judge_run
from sql.revisions import Revisions


def postgres_away(detail: str = "", since: datetime | None = None) -> Finding:
    """The database cannot be reached."""
    return Finding(
        "postgres",
        "problem",
        f"PostgreSQL is away{detail and f': {detail}'}. Events are refused, and lists come from"
        " memory.",
        since,
        "Start it, or see why it does not answer: its log says. Nothing here needs a restart then.",
    )


def judge_store(figures: StoreFigures, bounds: Bounds, now: datetime) -> list[Finding]:
    """All findings about the database."""
    findings = [Finding("postgres", "ok", "PostgreSQL answers."), _migrations(figures.revisions)]
    if figures.contents is not None:
        findings += [_items(figures.contents), _events(figures.contents, bounds, now)]
        findings += judge_run(figures, bounds, now)
    return findings


def _migrations(revisions: Revisions) -> Finding:
    if revisions.current:
        return Finding("migrations", "ok", "The database is at the newest revision.")
    stands_at = revisions.stands_at or "none"
    return Finding(
        "migrations",
        "problem",
        f"The database is at revision {stands_at}; this version of Tandem needs"
        f" {revisions.newest}. The rest of it was not looked at.",
        advice="Run: python -m sql. `tandem up` does it at its start. If the database is the newer"
        " one, install the newer version.",
    )


def _items(contents: Contents) -> Finding:
    if not contents.items:
        return Finding(
            "items",
            "problem",
            "There are no items: nothing can be recommended.",
            advice="Load some with `tandem load PATH`, or tell them with PUT /v1/items/{item_id}.",
        )
    told = told_count(contents.items, "item", most=MOST_COUNTED)
    if not contents.available_items:
        return Finding(
            "items",
            "problem",
            f"None of {told} is available: nothing can be recommended.",
            advice='Make some available: PUT /v1/items/{item_id} with "available": true.',
        )
    return Finding("items", "ok", f"There are {told}.")


def _events(contents: Contents, bounds: Bounds, now: datetime) -> Finding:
    send = "Send some to POST /v1/events, or load a history with `tandem load PATH`."
    if contents.newest_event_at is None:
        what = "There are no events: everybody gets the same items."
        return Finding("events", "problem", what, advice=send)
    told = told_count(contents.events, "event", most=MOST_COUNTED)
    if not contents.learnable_users:
        return Finding(
            "events",
            "problem",
            f"None of {told} is of a positive kind: there is nothing to learn.",
            advice="Send what users view, click, like or buy as well; the table event_kinds has"
            " the kinds and their strengths.",
        )
    if contents.learnable_users < bounds.fewest_users:
        users = told_count(contents.learnable_users, "user")
        return Finding(
            "events",
            "problem",
            f"Only {users} did something positive; a night needs {bounds.fewest_users}.",
            advice=send,
        )
    age = told_duration(now - contents.newest_event_at)
    return Finding("events", "ok", f"There are {told}, the newest {age} old.")
