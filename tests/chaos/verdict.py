"""What came of it: all that was answered and acknowledged, against what the store holds."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from tests.chaos import checking
from tests.chaos.answers import Answer
from tests.chaos.comparing import SERVABLE, Comparison, check_starters
from tests.chaos.contents import Interests, LogRow, RunContents
from tests.chaos.dataset import Dataset
from tests.chaos.ledger import Ledger
from tests.chaos.store import (
    Popular,
    by_user,
    load_duplicates,
    load_interests,
    load_live_vectors,
    load_log,
    load_popular,
    load_runs,
)
from tests.chaos.violations import Violations


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds when everything has settled."""

    runs: Mapping[int, Any]
    log: Sequence[LogRow]
    duplicates: Mapping[UUID, int]
    vectors: Mapping[str, Any]
    interests: Mapping[str, Interests]
    popular: Popular

    @property
    def live(self) -> int:
        """The run being served."""
        return next(no for no, run in self.runs.items() if run.live)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Compares what was promised with what is."""

    dataset: Dataset
    ledger: Ledger
    contents: Mapping[int, RunContents]
    """Of runs, without popular lists."""
    violations: Violations

    def figures(
        self, stored: Stored, answers: Sequence[Answer], final: Sequence[Answer]
    ) -> dict[str, Any]:
        """All checks; `final` are lists read after everything had settled."""
        contents = {
            no: replace(run, popular=stored.popular.get(no, {}))
            for no, run in self.contents.items()
        }
        logs = by_user(stored.log)
        comparison = Comparison(contents, logs, self.ledger)
        states = {no: run.state for no, run in stored.runs.items()}
        versions = comparison.check_versions(answers, states, self.violations)
        power = comparison.power(answers)
        self._check_log(stored)
        checking.check_exclusions(final, logs, stored.interests, self.dataset, self.violations)
        comparison.check_final_lists(final, stored.live, stored.interests, self.violations)
        return {
            "versions_checked": versions,
            "version_check_power": power["blend"],
            "popular_check_power": power["popular"],
            "similar_check_power": power["similar"],
            "popular_versions": sum(map(_count_versions, contents.values())),
            "starters_compared": check_starters(answers, self.violations),
            "vectors_checked": self._check_vectors(stored, contents[stored.live], logs),
            "interests_checked": checking.check_interests(
                self.ledger, stored.interests, self.violations, time.monotonic()
            ),
            "final_lists_checked": len(final),
            "runs_published": sum(state in SERVABLE for state in states.values()),
        }

    def _check_log(self, stored: Stored) -> None:
        checking.check_log(self.ledger, stored.log, self.dataset, self.violations)
        checking.check_duplicates(stored.duplicates, self.ledger, self.violations)

    def _check_vectors(
        self, stored: Stored, run: RunContents, logs: Mapping[str, Sequence[LogRow]]
    ) -> int:
        return checking.check_vectors(
            stored.vectors,
            run=run,
            logs=logs,
            interests=stored.interests,
            users=users_of(self.ledger),
            violations=self.violations,
            at=time.monotonic(),
        )


def users_of(ledger: Ledger) -> list[str]:
    """Everybody who did or declared something during the load."""
    acted = (event.user for event in ledger.events.values())
    return list(dict.fromkeys((*acted, *ledger.statements)))


def load_stored(connection: Connection) -> Stored:
    """Everything the checks at the end need."""
    return Stored(
        runs=load_runs(connection),
        log=load_log(connection),
        duplicates=load_duplicates(connection),
        vectors=load_live_vectors(connection),
        interests=load_interests(connection),
        popular=load_popular(connection),
    )


def _count_versions(run: RunContents) -> int:
    return sum(len(versions) for versions in run.popular.values())
