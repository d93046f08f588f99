"""What must not have happened, each with all there is to find the cause, as lines of JSON."""

import asyncio
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

_REPORTED_HAPPENINGS = 12


@dataclass(slots=True)
class Diary:
    """What was done to the system, when: seconds since the load began."""

    began: float = 0.0
    """On the monotonic clock."""
    happenings: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=10_000))

    def note(self, at: float, what: str) -> None:
        """Something was done or noticed at a monotonic time."""
        self.happenings.append((round(at - self.began, 3), what))

    def write(self, path: Path) -> None:
        """All happenings, a line each."""
        lines = [f"{at:9.3f}  {what}\n" for at, what in self.happenings]
        path.write_text("".join(lines), encoding="utf-8")

    def around(self, at: float) -> list[tuple[float, str]]:
        """The last happenings up to a second after a monotonic time."""
        until = at - self.began + 1.0
        return [happening for happening in self.happenings if happening[0] <= until][
            -_REPORTED_HAPPENINGS:
        ]


class Violations:
    """Counts violations by kind and writes each as a line into a file."""

    def __init__(self, path: Path, diary: Diary) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._diary = diary

    def add(self, kind: str, at: float, **context: Any) -> None:
        """One violation, noticed in something that happened at a monotonic time."""
        self.counts[kind] += 1
        line = {
            "violation": kind,
            "at_seconds": round(at - self._diary.began, 3),
            **context,
            "happenings": self._diary.around(at),
        }
        with self.path.open("ab") as file:
            file.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))

    def note_failure(self, task: asyncio.Task[Any]) -> None:
        """A violation if a task that is done ended with an exception: nobody awaits the load."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self.add("failed here", time.monotonic(), what=task.get_name(), error=repr(error))
