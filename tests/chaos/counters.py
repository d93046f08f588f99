"""Figures of a run as they add up."""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.answers import Answer
from tests.chaos.client import Reply


@dataclass(slots=True)
class Counters:
    """What the load has seen."""

    reads: int = 0
    """Answered with 200."""
    reads_by_endpoint: Counter[str] = field(default_factory=Counter)
    strategies: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    read_statuses: Counter[str] = field(default_factory=Counter)
    """Of all attempts: a status, or why there was none."""
    read_seconds: list[float] = field(default_factory=list)
    """Of each attempt that was answered with 200."""
    patient_seconds: list[float] = field(default_factory=list)
    """Of each read with all its attempts."""
    unanswered: int = 0
    """Reads that no process answered although one was running all the time."""
    seen_by_strategy: Counter[str] = field(default_factory=Counter)
    """Violations: items shown after the event that marks them was acknowledged."""
    exclusions_unknown: int = 0
    """Answers that say they were made without knowing all that the user has seen."""
    seen_items_unknown: int = 0
    """Items in such answers that the user had seen."""
    longest_lag_seconds: float = 0.0
    """How late this program was itself: what it measures is no more exact than that."""
    short: int = 0
    """Answers with fewer items than were asked for."""
    write_statuses: Counter[str] = field(default_factory=Counter)
    """Of all attempts to send events."""
    events: int = 0
    acknowledged: int = 0
    sent_again: int = 0
    """Batches sent again on purpose after they were acknowledged, or twice at once."""
    skipped: int = 0
    """Reads and batches not begun because too many were under way."""
    deletes_acknowledged: int = 0
    users_forgotten: int = 0
    users_loaded_in_bulk: int = 0
    """While the API ran; not those of the dataset's beginning."""
    interests_stated: int = 0
    """Statements that were acknowledged."""

    def count_answer(self, answer: Answer) -> None:
        """One read that was answered with 200."""
        self.reads += 1
        self.reads_by_endpoint[answer.question.endpoint] += 1
        self.strategies[answer.strategy] += 1
        self.sources[answer.source] += 1
        self.exclusions_unknown += answer.exclusions == "unknown"
        self.read_seconds.append(answer.ended - answer.began)
        self.short += len(answer.items) < answer.question.limit

    def count_read(self, reply: Reply) -> None:
        """One attempt to read."""
        self.read_statuses[outcome(reply)] += 1

    def count_write(self, reply: Reply) -> None:
        """One attempt to send events."""
        self.write_statuses[outcome(reply)] += 1


def outcome(reply: Reply) -> str:
    """The status, or why there is none."""
    return str(reply.failure if reply.status is None else reply.status)


def percentile(values: list[float], share: float) -> float | None:
    """The value that so many are at or below; None if there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
