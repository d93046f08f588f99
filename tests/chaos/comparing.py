"""Answers against the runs they name, and how much such a comparison would notice."""

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.chaos.answers import POPULAR_STRATEGIES, Answer
from tests.chaos.contents import NOTHING, Interests, LogRow, RunContents
from tests.chaos.ledger import Ledger
from tests.chaos.versions import fault_of, is_comparable, shows_live_vector, vector_as_of
from tests.chaos.violations import Violations

SERVABLE = frozenset({"published", "retired"})
_SAMPLE = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares answers with what the store held."""

    contents: Mapping[int, RunContents]
    logs: Mapping[str, Sequence[LogRow]]
    ledger: Ledger

    def check_versions(
        self, answers: Iterable[Answer], states: Mapping[int, str], violations: Violations
    ) -> int:
        """Each answer against the run it names; of how many scores could be compared."""
        checked = 0
        since = _deletions(self.ledger)
        for answer in answers:
            fault = _fault_of_name(answer, states)
            run = self.contents.get(answer.run_id or 0)
            if fault is None and run is not None and not self._is_forgotten(answer):
                fault = self._fault(answer, run, since)
                checked += is_comparable(answer, log_is_whole=_log_is_whole(answer, since))
            if fault is not None:
                violations.add("mixed versions", answer.began, fault=fault, answer=answer.to_dict())
        return checked

    def check_final_lists(
        self,
        answers: Iterable[Answer],
        live: int,
        stated: Mapping[str, Interests],
        violations: Violations,
    ) -> None:
        """Lists read after all had settled: of the served run, with every event and interest."""
        for answer in answers:
            fault = self._fault_of_final_list(answer, live, stated.get(answer.user or "", NOTHING))
            if fault is not None:
                violations.add("effect wrong", answer.began, fault=fault, answer=answer.to_dict())

    def _fault_of_final_list(self, answer: Answer, live: int, declared: Interests) -> str | None:
        if answer.run_id != live:
            return f"it comes from run {answer.run_id}, and {live} is served"
        run, log = self.contents[live], self._log(answer)
        if vector_as_of(run, log, None, declared) is not None and not shows_live_vector(answer):
            return "the user has a live vector, and nothing of it shows"
        if answer.strategy in POPULAR_STRATEGIES:
            return None
        count = sum(row.position > run.cut_off_position for row in log)
        if answer.events_since_cut_off != count:
            return f"it knows {answer.events_since_cut_off} events, the log {count}"
        return fault_of(answer, run, log, [declared])

    def power(self, answers: Iterable[Answer]) -> dict[str, float | None]:
        """By kind of answer, the share that is caught if it comes from the run beside its own."""
        since = _deletions(self.ledger)
        sorts = {"blend": _is_blend, "popular": _is_popular, "similar": _is_similar}
        # Users who declared something are compared with all that they may have declared.
        known = [
            answer
            for answer in answers
            if answer.run_id in self.contents
            and not self._is_forgotten(answer)
            and _log_is_whole(answer, since)
            and answer.user not in self.ledger.statements
        ]
        return {name: self._share_caught(known, is_one) for name, is_one in sorts.items()}

    def _share_caught(
        self, known: Iterable[Answer], is_one: Callable[[Answer], bool]
    ) -> float | None:
        """None if there is nothing to try it with."""
        runs = sorted(self.contents)
        wanted = [answer for answer in known if is_one(answer)]
        if len(runs) <= 1 or not wanted:
            return None
        tried = random.Random(0).sample(wanted, min(_SAMPLE, len(wanted)))
        caught = 0
        for answer in tried:
            index = runs.index(answer.run_id or 0)
            other = self.contents[runs[index - 1] if index else runs[1]]
            disguised = replace(answer, cut_off_at=other.cut_off_at)
            caught += fault_of(disguised, other, self._log(answer)) is not None
        return caught / len(tried)

    def _fault(self, answer: Answer, run: RunContents, since: Mapping[str, float]) -> str | None:
        log = self._log(answer) if _log_is_whole(answer, since) else None
        return fault_of(answer, run, log, self._declared(answer))

    def _log(self, answer: Answer) -> Sequence[LogRow]:
        return self.logs.get(answer.user or "", ())

    def _declared(self, answer: Answer) -> list[Interests]:
        """What the user may have declared when the answer was made: it may have been some time ago.

        The newest first, as it is the likeliest.
        """
        stated = self.ledger.statements.get(answer.user or "", ())
        before = [statement for statement in stated if statement.sent_at <= answer.ended]
        return [
            *(Interests(statement.words, statement.items) for statement in reversed(before)),
            NOTHING,
        ]

    def _is_forgotten(self, answer: Answer) -> bool:
        """Whether the user's list may be of another life."""
        is_own = answer.question.endpoint == "recommendations"
        return is_own and answer.user in self.ledger.forgotten


def check_starters(answers: Iterable[Answer], violations: Violations) -> int:
    """One session gets the same items as long as a run is served; how many lists were compared."""
    first: dict[tuple[object, ...], Answer] = {}
    compared = 0
    for answer in answers:
        if answer.strategy != "starter" or answer.user is not None:
            continue
        question = answer.question
        known = first.setdefault((answer.run_id, question.session, question.categories), answer)
        compared += known is not answer
        together = min(len(known.items), len(answer.items))
        if known.items[:together] != answer.items[:together]:
            violations.add(
                "another starter", answer.began, before=known.to_dict(), answer=answer.to_dict()
            )
    return compared


def _fault_of_name(answer: Answer, states: Mapping[int, str]) -> str | None:
    if answer.run_id is None:
        return "it names no run"
    state = states.get(answer.run_id)
    return None if state in SERVABLE else f"it names run {answer.run_id}, which is {state}"


def _deletions(ledger: Ledger) -> dict[str, float]:
    """By user, when the first of the events was sent that were to be taken out later."""
    first: dict[str, float] = {}
    for event in ledger.events.values():
        if event.deleting_at is not None:
            first[event.user] = min(event.sent_at, first.get(event.user, math.inf))
    return first


def _log_is_whole(answer: Answer, deletions: Mapping[str, float]) -> bool:
    """Whether the answer cannot know an event that has been taken out of the log since."""
    return answer.ended < deletions.get(answer.user or "", math.inf)


def _is_blend(answer: Answer) -> bool:
    return answer.strategy == "blend" and not answer.question.interests


def _is_popular(answer: Answer) -> bool:
    is_popular = answer.strategy in {*POPULAR_STRATEGIES, "trending"}
    return is_popular and answer.question.endpoint not in {"similar", "search"}


def _is_similar(answer: Answer) -> bool:
    return answer.strategy == "similar"
