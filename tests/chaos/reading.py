"""Reads: asked of one process and then of the others, each answer looked at at once."""

import asyncio
import random
import time
from dataclasses import dataclass, field

from tests.chaos.answers import Answer, answer_of, check_seen
from tests.chaos.client import Api, Reply
from tests.chaos.counters import Counters
from tests.chaos.dataset import Dataset
from tests.chaos.fleet import Fleet
from tests.chaos.ledger import Ledger
from tests.chaos.questions import Question
from tests.chaos.shape import check_shape
from tests.chaos.violations import Violations

READ_SECONDS = 3.0
"""After so long another process is asked."""
_ROUNDS = 2
_PAUSE_SECONDS = 0.1
OK, OVERLOADED, SERVER_ERROR = 200, 429, 500


@dataclass(slots=True)
class Reader:
    """Asks and keeps what was answered."""

    api: Api
    fleet: Fleet
    dataset: Dataset
    ledger: Ledger
    counters: Counters
    violations: Violations
    drawn: random.Random
    answers: list[Answer] = field(default_factory=list)
    latest: dict[str, Answer] = field(default_factory=dict)
    """Each user's newest list: what they can click on."""

    async def read(self, question: Question) -> Answer | None:
        """The answer of whichever process answers; None if none does."""
        began, always_one = time.monotonic(), True
        for worker in self._turns():
            always_one &= bool(self.fleet.running("api"))
            answer = await self.read_from(worker, question)
            if answer is not None:
                self.counters.patient_seconds.append(time.monotonic() - began)
                return answer
            await asyncio.sleep(_PAUSE_SECONDS)
        if always_one and self.fleet.running("api"):
            self.counters.unanswered += 1
        return None

    async def read_from(
        self, worker: str, question: Question, timeout_seconds: float = READ_SECONDS
    ) -> Answer | None:
        """The answer of one process, checked against question and ledger; None: there is none."""
        reply = await self.api.ask(
            worker,
            "GET",
            question.path,
            parameters=question.parameters,
            timeout_seconds=timeout_seconds,
        )
        self.counters.count_read(reply)
        if reply.status != OK:
            self._note_error(question, reply)
            return None
        try:
            answer = answer_of(question, reply)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._note_unreadable(question, reply, error)
            return None
        self._keep(answer)
        return answer

    def _turns(self) -> list[str]:
        workers = list(self.api.workers)
        self.drawn.shuffle(workers)
        return workers * _ROUNDS

    def _keep(self, answer: Answer) -> None:
        self.counters.count_answer(answer)
        self.answers.append(answer)
        if answer.user is not None and answer.question.endpoint == "recommendations":
            self.latest[answer.user] = answer
        wrong, unknown = check_seen(answer, self.ledger, self.violations)
        check_shape(answer, self.dataset, self.ledger, self.violations)
        self.counters.seen_items_unknown += unknown
        if wrong:
            self.counters.seen_by_strategy[answer.strategy] += wrong

    def _note_error(self, question: Question, reply: Reply) -> None:
        if reply.status is None or reply.status == OVERLOADED:
            return
        failed = reply.status >= SERVER_ERROR
        self._add("read answered with 5xx" if failed else "read refused", question, reply)

    def _note_unreadable(self, question: Question, reply: Reply, error: Exception) -> None:
        self._add("unreadable", question, reply, error=repr(error))

    def _add(self, kind: str, question: Question, reply: Reply, **more: str) -> None:
        self.violations.add(
            kind,
            reply.began,
            question={"path": question.path, **question.parameters},
            worker=reply.worker,
            seconds=round(reply.seconds, 4),
            status=reply.status,
            body=reply.body,
            **more,
        )
