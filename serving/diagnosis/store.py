"""Judging what the database holds: items, events, users. Pure."""

from datetime import datetime, timedelta

from domain.limits import MOST_CONTEXT_VALUES, MOST_CONTEXTS
from serving.diagnosis.diagnosis_figures import MOST_COUNTED, Contents, StoreFigures
from serving.diagnosis.finding import Bounds, Finding, format_count, format_duration
from serving.diagnosis.run import judge_run
from serving.diagnosis.speed import judge_speed
from sql.revisions import Revisions

_MANY = 0.5
"""A share that is no exception."""
_UPLOADS_WAIT = timedelta(minutes=1)
_APART = timedelta(minutes=1)
"""Clocks that differ by less do no harm."""
_NEARLY = 0.8
_MIB = 1024 * 1024
_ENOUGH_BUFFERS = 512 * _MIB
"""Bytes. Whoever has given PostgreSQL so much has thought of it."""
_SEND = "Send some to POST /v1/events, or load a history with `tandem load PATH`."
_KINDS = "`tandem kind list` tells what each kind weighs, `tandem kind set` changes it."


def judge_store(figures: StoreFigures, bounds: Bounds, now: datetime) -> list[Finding]:
    """All findings about the database; `now` is by the clock of whoever looks."""
    findings = [
        Finding("postgres", "ok", "PostgreSQL answers."),
        _migrations(figures.revisions),
        _clock(figures.read_at, now),
    ]
    if figures.contents is not None:
        # What the database has written down is as old as its own clock says.
        read_at = figures.read_at
        findings += [_items(figures.contents), _words(figures.contents)]
        findings += [_events(figures.contents, bounds, read_at), _times(figures.contents)]
        findings += [_uploads(figures.contents, read_at), _contexts(figures.contents)]
        findings.append(_buffers(figures.contents))
        findings += judge_run(figures, bounds, read_at)
        findings += judge_speed(figures, bounds, read_at)
    return findings


def _migrations(revisions: Revisions) -> Finding:
    if revisions.current:
        return Finding("migrations", "ok", "The database is at the newest revision.")
    if revisions.newer:
        return Finding(
            "migrations",
            "ok",
            f"The database is at revision {revisions.stands_at} of a newer version of Tandem, with"
            " which this one works.",
        )
    stands_at = revisions.stands_at or "none"
    return Finding(
        "migrations",
        "problem",
        f"The database is at revision {stands_at}; this version of Tandem needs"
        f" {revisions.newest}. The rest of it was not looked at.",
        advice="Run: python -m sql. `tandem up` does it at its start. If the database is the newer"
        " one, install the newer version.",
    )


def _clock(read_at: datetime, now: datetime) -> Finding:
    if abs(read_at - now) <= _APART:
        return Finding("clock", "ok", "The clocks of the database and of this process agree.")
    apart = format_duration(abs(read_at - now))
    side = "ahead of" if read_at > now else "behind"
    return Finding(
        "clock",
        "problem",
        f"The clock of the database is {apart} {side} that of this process: events are refused as"
        " too new, or get wrong ages.",
        advice="Set both by a time server, such as chrony.",
    )


def _items(contents: Contents) -> Finding:
    if not contents.items:
        return Finding(
            "items",
            "problem",
            "There are no items: nothing can be recommended.",
            advice="Load some with `tandem load PATH`, or send them with PUT /v1/items/{item_id}.",
        )
    amount = format_count(contents.items, "item", most=MOST_COUNTED)
    if not contents.available_items:
        return Finding(
            "items",
            "problem",
            f"None of {amount} is available: nothing can be recommended.",
            advice='Make some available: PUT /v1/items/{item_id} with "available": true.',
        )
    return Finding("items", "ok", f"There are {amount}.")


def _words(contents: Contents) -> Finding:
    mute, newest = contents.mute_items, contents.new_items
    if mute == 0 or mute < _MANY * newest:
        return Finding("words", "ok", "Most items have words that tell what they are.")
    return Finding(
        "words",
        "notice",
        f"Of the newest {format_count(newest, 'item')}, {mute:,} have no words but their ids:"
        " search does not find them, and until somebody uses them nothing is known of them.",
        advice="Send their titles, categories or descriptions with PUT /v1/items/{item_id}, or load"
        " them with `tandem load PATH`.",
    )


def _events(contents: Contents, bounds: Bounds, now: datetime) -> Finding:
    if contents.newest_event_at is None:
        what = "There are no events: everybody gets the same items."
        return Finding("events", "problem", what, advice=_SEND)
    amount = format_count(contents.events, "event", most=MOST_COUNTED)
    if not contents.positive_kinds:
        return Finding(
            "events",
            "problem",
            f"No event kind is positive: there is nothing to learn from {amount}.",
            advice=f"Give those a positive weight that speak for an item. {_KINDS}",
        )
    if not contents.learnable_users:
        return Finding(
            "events",
            "problem",
            f"None of {amount} speaks for an item: there is nothing to learn.",
            advice=f"Send what users view, click, like or buy as well. {_KINDS}",
        )
    if contents.learnable_users < bounds.fewest_users:
        users = format_count(contents.learnable_users, "user")
        return Finding(
            "events",
            "problem",
            f"Only {users} did something positive; a night needs {bounds.fewest_users}.",
            advice=_SEND,
        )
    age = format_duration(now - contents.newest_event_at)
    return Finding("events", "ok", f"There are {amount}, the newest {age} old.")


def _times(contents: Contents) -> Finding:
    ahead, newest = contents.future_events, contents.new_events
    if not ahead:
        return Finding("times", "ok", "The newest events have times that have been.")
    lie = "lies" if ahead == 1 else "lie"
    return Finding(
        "times",
        "problem" if ahead >= _MANY * newest else "notice",
        f"Of the newest {format_count(newest, 'event')}, {ahead:,} {lie} in the future: until then"
        " they count as the last thing their users did.",
        advice="Compare the clocks of the apps and of the database. Times that were loaded may be"
        " of another unit or time zone; take such events back with DELETE /v1/events/{event_id}.",
    )


def _uploads(contents: Contents, now: datetime) -> Finding:
    since = contents.upload_waits_since
    if since is None or now - since < _UPLOADS_WAIT:
        return Finding("uploads", "ok", "No file that was uploaded waits in vain to be loaded.")
    return Finding(
        "uploads",
        "problem",
        f"A file that was uploaded waits to be loaded, for {format_duration(now - since)}, and"
        " nobody loads any.",
        since=since,
        advice="See that the loading worker runs (`tandem status`, or `python -m loading.worker`)"
        " and what its log says.",
    )


def _contexts(contents: Contents) -> Finding:
    name, values = contents.context_name, contents.context_values
    many_values = name is not None and values >= _NEARLY * MOST_CONTEXT_VALUES
    if not many_values and contents.contexts < _NEARLY * MOST_CONTEXTS:
        return Finding("contexts", "ok", "There is room for new contexts of lists and events.")
    what = f"{contents.contexts:,} of {MOST_CONTEXTS:,} different contexts are kept"
    if many_values:
        what = f"{values} of {MOST_CONTEXT_VALUES} different values of {name} are kept"
    return Finding(
        "contexts",
        "notice",
        f"In contexts of lists and events {what}: beyond that, new ones are not.",
        advice="Let apps send a few values, such as phone and tablet, or leave the name out of"
        " TANDEM_KEPT_CONTEXT. The daily housekeeping makes room of those that no list and no"
        " event has.",
    )


def _buffers(contents: Contents) -> Finding:
    buffers, indexes = contents.buffer_bytes, contents.log_index_bytes
    if buffers >= _ENOUGH_BUFFERS or indexes <= 2 * buffers:
        return Finding("buffers", "ok", "PostgreSQL has buffers for the indexes of the log.")
    return Finding(
        "buffers",
        "notice",
        f"PostgreSQL has {buffers // _MIB:,} MB of buffers, and the indexes of the log have"
        f" {indexes // _MIB:,}: a load takes it about twice as long.",
        advice="Start it again: `tandem down`, then `tandem up`, which gives it buffers for the"
        " data that is there. Of a PostgreSQL of your own raise shared_buffers.",
    )
