"""The comparison at the end: what was acknowledged with what is stored and served."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from tests.chaos.answers import Answer
from tests.chaos.contents import NOTHING, Interests, LogRow, RunContents
from tests.chaos.dataset import Dataset
from tests.chaos.ledger import Ledger, Sent
from tests.chaos.versions import vector_and_following_as_of
from tests.chaos.violations import Violations

_VECTOR_TOLERANCE = 1e-4


def check_log(
    ledger: Ledger, log: Iterable[LogRow], dataset: Dataset, violations: Violations
) -> None:
    """Lost: acknowledged and not in the log. Back: taken out and in the log all the same."""
    rows = {row.event_id: row for row in log}
    for event in ledger.certain():
        row = rows.get(UUID(event.event_id))
        if row is None:
            violations.add("lost", event.acknowledged_at or 0.0, event=event)
        elif (fault := _difference(event, row, dataset)) is not None:
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


def check_interests(
    ledger: Ledger, stored: Mapping[str, Interests], violations: Violations, at: float
) -> int:
    """What was last acknowledged stands, or what was sent after it; how many users were checked."""
    for user, statements in ledger.statements.items():
        standing = stored.get(user, NOTHING)
        possible = [
            NOTHING if statement is None else Interests(statement.words, statement.items)
            for statement in ledger.may_stand(user, at, at)
        ]
        if standing not in possible:
            violations.add(
                "interests lost", statements[-1].sent_at, stored=standing, statements=statements
            )
    return len(ledger.statements)


def check_vectors(
    vectors: Mapping[str, Any],
    *,
    run: RunContents,
    logs: Mapping[str, Sequence[LogRow]],
    interests: Mapping[str, Interests],
    users: Iterable[str],
    violations: Violations,
    at: float,
) -> int:
    """Live vectors against log and interests, when all is folded in; how many were compared."""
    compared = 0
    for user in users:
        declared = interests.get(user, NOTHING)
        fault = _fault_of_vector(vectors.get(user), run, logs.get(user, ()), declared)
        compared += 1
        if fault is not None:
            violations.add(
                "effect wrong", at, user=user, fault=fault, run=run.run_id, declared=declared
            )
    return compared


def check_exclusions(
    answers: Iterable[Answer],
    logs: Mapping[str, Sequence[LogRow]],
    interests: Mapping[str, Interests],
    dataset: Dataset,
    violations: Violations,
) -> None:
    """Lists read after everything has settled against what log and interests mark as seen."""
    marking = {dataset.kinds[kind] for kind in dataset.marking}
    items: dict[int, str] = {no: item for item, no in dataset.item_nos.items()}
    for answer in answers:
        user = answer.user or ""
        seen = {items[row.item_no] for row in logs.get(user, ()) if row.kind_no in marking}
        seen |= set(interests.get(user, NOTHING).items)
        shown = sorted(seen.intersection(answer.items))
        missing = min(answer.question.limit, len(items) - len(seen)) - len(answer.items)
        if shown or missing:
            fault = f"shows {shown}, lacks {missing} items"
            violations.add("effect wrong", answer.began, fault=fault, answer=answer.to_dict())


def _difference(event: Sent, row: LogRow, dataset: Dataset) -> str | None:
    sent = (event.user, dataset.item_nos[event.item], dataset.kinds[event.kind], event.value)
    stored = (row.user_id, row.item_no, row.kind_no, row.value)
    return None if sent == stored else f"stored as {stored}"


def _fault_of_vector(
    row: Any, run: RunContents, log: Sequence[LogRow], interests: Interests
) -> str | None:
    expected, following = vector_and_following_as_of(run, log, None, interests)
    stored = None if row is None or row.embedding is None else row.embedding.to_numpy()
    if expected is None or stored is None:
        same = expected is None and stored is None
        return (
            None
            if same
            else f"expected {_format_vector(expected)}, stored {_format_vector(stored)}"
        )
    count = sum(row.position > run.cut_off_position for row in log)
    if row.events_since_cut_off != count:
        return f"it knows {row.events_since_cut_off} events since the cut-off, the log {count}"
    error = float(np.abs(stored - expected).max())
    if error > _VECTOR_TOLERANCE:
        return f"it is {error:.2g} off the log's"
    if (row.next_item_nos or []) != following.item_nos.tolist():
        return f"next come {row.next_item_nos}, by the log {following.item_nos.tolist()}"
    return None


def _format_vector(vector: Any) -> str:
    return "no vector" if vector is None else "a vector"
