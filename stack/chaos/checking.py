"""The comparison at the end: what was acknowledged with what is stored and served."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np

from stack.chaos.answers import Answer
from stack.chaos.ledger import Ledger, Sent
from stack.chaos.shop import Shop
from stack.chaos.versions import LogRow, RunContents, fault_of, vector_as_of
from stack.chaos.violations import Violations

SERVABLE = frozenset({"published", "retired"})
_VECTOR_TOLERANCE = 1e-4


def check_log(ledger: Ledger, log: Iterable[LogRow], shop: Shop, violations: Violations) -> None:
    """Lost: acknowledged and not in the log. Back: taken out and in the log all the same."""
    rows = {row.event_id: row for row in log}
    for event in ledger.certain():
        row = rows.get(UUID(event.event_id))
        if row is None:
            violations.add("lost", event.acknowledged_at or 0.0, event=event)
        elif (fault := _difference(event, row, shop)) is not None:
            violations.add("stored wrong", event.sent_at, fault=fault, event=event, row=row)
    for event in ledger.certainly_deleted():
        if UUID(event.event_id) in rows:
            at = event.deleted_at or event.sent_at
            violations.add("undone effect wrong", at, fault="still in the log", event=event)


def check_duplicates(
    duplicates: Mapping[UUID, int], ledger: Ledger, violations: Violations
) -> None:
    """Events that stand in the log more than once."""
    for event_id, times in duplicates.items():
        event = ledger.events.get(str(event_id))
        at = 0.0 if event is None else event.sent_at
        violations.add("duplicated", at, event_id=event_id, times=times, event=event)


def check_versions(
    answers: Iterable[Answer],
    *,
    states: Mapping[int, str],
    contents: Mapping[int, RunContents],
    logs: Mapping[str, Sequence[LogRow]],
    ledger: Ledger,
    violations: Violations,
) -> int:
    """Each answer against the run it names; how many could be checked."""
    checked = 0
    changed = _users_with_deletions(ledger)
    for answer in answers:
        fault = _fault_of_name(answer, states)
        run = contents.get(answer.run_id or 0)
        if fault is None and run is not None and answer.user not in ledger.forgotten:
            log = None if answer.user in changed else logs.get(answer.user, ())
            fault = fault_of(answer, run, log)
            checked += 1
        if fault is not None:
            violations.add("mixed versions", answer.began, fault=fault, answer=answer.told())
    return checked


def check_power(
    answers: Sequence[Answer],
    contents: Mapping[int, RunContents],
    logs: Mapping[str, Sequence[LogRow]],
    sample: int = 300,
) -> float | None:
    """Share of answers that would be caught if their scores came from the run beside theirs.

    None if there is nothing to try it with.
    """
    runs = sorted(contents)
    known = [a for a in answers if a.run_id in contents and a.level == "blend"]
    if len(runs) <= 1 or not known:
        return None
    tried = random.Random(0).sample(known, min(sample, len(known)))  # noqa: S311 - not for secrets
    caught = 0
    for answer in tried:
        place = runs.index(answer.run_id or 0)
        other = contents[runs[place - 1] if place else runs[1]]
        disguised = replace(answer, cut_off_at=other.cut_off_at)
        caught += fault_of(disguised, other, logs.get(answer.user, ())) is not None
    return caught / len(tried)


def check_vectors(
    vectors: Mapping[str, Any],
    *,
    run: RunContents,
    logs: Mapping[str, Sequence[LogRow]],
    users: Iterable[str],
    violations: Violations,
    at: float,
) -> int:
    """Live vectors against the log, after the workers are done; how many were compared."""
    compared = 0
    for user in users:
        fault = _fault_of_vector(vectors.get(user), run, logs.get(user, ()))
        compared += 1
        if fault is not None:
            violations.add("effect wrong", at, user=user, fault=fault, run=run.run_id)
    return compared


def check_exclusions(
    answers: Iterable[Answer],
    logs: Mapping[str, Sequence[LogRow]],
    shop: Shop,
    violations: Violations,
) -> None:
    """Lists read after everything has settled against what the log marks as seen."""
    marking = {shop.kinds[kind] for kind in shop.marking}
    items: dict[int, str] = {no: item for item, no in shop.item_nos.items()}
    for answer in answers:
        seen = {items[row.item_no] for row in logs.get(answer.user, ()) if row.kind_no in marking}
        shown = sorted(seen.intersection(answer.items))
        missing = min(answer.asked, len(items) - len(seen)) - len(answer.items)
        if shown or missing:
            fault = f"shows {shown}, lacks {missing} items"
            violations.add("effect wrong", answer.began, fault=fault, answer=answer.told())


def _difference(event: Sent, row: LogRow, shop: Shop) -> str | None:
    told = (event.user, shop.item_nos[event.item], shop.kinds[event.kind], event.value)
    stored = (row.user_id, row.item_no, row.kind_no, row.value)
    return None if told == stored else f"stored as {stored}"


def _fault_of_name(answer: Answer, states: Mapping[int, str]) -> str | None:
    if answer.run_id is None:
        return "it names no run"
    state = states.get(answer.run_id)
    return None if state in SERVABLE else f"it names run {answer.run_id}, which is {state}"


def _fault_of_vector(row: Any, run: RunContents, log: Sequence[LogRow]) -> str | None:
    expected = vector_as_of(run, log, None)
    stored = None if row is None or row.embedding is None else row.embedding.to_numpy()
    if expected is None or stored is None:
        same = expected is None and stored is None
        return None if same else f"expected {_told(expected)}, stored {_told(stored)}"
    count = sum(one.position > run.cut_off_position for one in log)
    if row.events_since_cut_off != count:
        return f"it knows {row.events_since_cut_off} events since the cut-off, the log {count}"
    error = float(np.abs(stored - expected).max())
    return None if error <= _VECTOR_TOLERANCE else f"it is {error:.2g} off the log's"


def _told(vector: Any) -> str:
    return "no vector" if vector is None else "a vector"


def _users_with_deletions(ledger: Ledger) -> set[str]:
    return {event.user for event in ledger.events.values() if event.deleting_at is not None}
