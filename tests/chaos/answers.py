"""Answers to reads, kept small, and what can be said of one by the ledger alone."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.chaos.client import Reply
from tests.chaos.ledger import Ledger
from tests.chaos.questions import Question
from tests.chaos.violations import Violations

_REPORTED_EVENTS = 30
FALLBACK = "fallback"
"""The strategy of lists made without the store."""
POPULAR_STRATEGIES = frozenset({"popular", FALLBACK})
REDIS_AWAY = "redis_away"
"""Why a list was made without what is kept in Redis; that says nothing of its scores."""

SOURCES = ("batch", "speed")
"""Whose scores are compared."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One list as it was answered."""

    question: Question
    worker: str
    began: float
    ended: float
    strategy: str
    source: str
    degraded: str | None
    run_id: int | None
    cut_off_at: datetime | None
    events_since_cut_off: int
    items: tuple[str, ...]
    scores: NDArray[np.float64]
    """(n, 3): score, batch and speed score of each item; 0 where an answer has none."""
    by_words: tuple[str, ...] = ()
    """Items of a search that are said to have one of the words."""
    exclusions: str | None = None
    """What it says of its user's exclusions; None: it is for nobody."""

    @property
    def user(self) -> str | None:
        """Whom it is for; None: for nobody in particular."""
        return self.question.user

    def to_dict(self) -> dict[str, Any]:
        """For the file of violations."""
        return {
            "question": {"path": self.question.path, **self.question.parameters},
            "worker": self.worker,
            "strategy": self.strategy,
            "source": self.source,
            "degraded": self.degraded,
            "exclusions": self.exclusions,
            "run": self.run_id,
            "cut_off_at": self.cut_off_at,
            "events_since_cut_off": self.events_since_cut_off,
            "items": [
                (item, *scores)
                for item, scores in zip(self.items, self.scores.tolist(), strict=True)
            ],
        }


def answer_of(question: Question, reply: Reply) -> Answer:
    """The answer in a reply with status 200."""
    body = reply.body
    run = body.get("run")
    rows = [
        (item.get("score", 0.0), *(item.get("scores", {}).get(name, 0.0) for name in SOURCES))
        for item in body["items"]
    ]
    return Answer(
        question=question,
        worker=reply.worker,
        began=reply.began,
        ended=reply.ended,
        strategy=body["strategy"],
        source=body.get("source", body["strategy"]),
        # Without Redis a list is as good as any, and is held to the same.
        degraded=None if body["degraded"] == REDIS_AWAY else body["degraded"],
        run_id=run and run["id"],
        cut_off_at=run and datetime.fromisoformat(run["cut_off_at"]),
        events_since_cut_off=body.get("policy", {}).get("events_since_cut_off", 0),
        items=tuple(item["item_id"] for item in body["items"]),
        scores=np.array(rows, dtype=np.float64).reshape(len(rows), 3),
        by_words=tuple(i["item_id"] for i in body["items"] if i.get("match") == "words"),
        exclusions=body["exclusions"],
    )


def check_seen(answer: Answer, ledger: Ledger, violations: Violations) -> tuple[int, int]:
    """Find the items shown although their event had been acknowledged when the read began.

    Items that were loaded before the load began count as well. How many there are, and how many
    there are in an answer that says that it was made without knowing: these are no violation.
    """
    if answer.user is None:
        return 0, 0
    seen = ledger.certainly_seen(answer.user, answer.began, answer.ended)
    shown = [item for item in answer.items if item in seen]
    if answer.exclusions == "unknown":
        return 0, len(shown)
    old = [item for item in shown if seen[item] is None]
    for item in shown:
        mark = seen[item]
        if mark is not None and mark.acknowledged_at is not None:
            violations.add(
                "seen item shown",
                answer.began,
                item=item,
                mark=asdict(mark),
                seconds_after_acknowledgement=round(answer.began - mark.acknowledged_at, 4),
                answer=answer.to_dict(),
                history=[
                    asdict(event) for event in ledger.history(answer.user)[-_REPORTED_EVENTS:]
                ],
                statements=[
                    asdict(statement) for statement in ledger.statements.get(answer.user, ())
                ],
            )
    if old:
        violations.add("old item shown", answer.began, items=old, answer=answer.to_dict())
    return len(shown), 0
