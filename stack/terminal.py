"""What `tandem up` writes on the terminal: a line a step, a line when something happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.status import Status

_STEP_WIDTH = 60


class Terminal:
    """A console for people and for recorded logs: colour and motion only on a real terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._steps: list[str] = []
        self._status: Status | None = None
        self._settled = False

    def is_watched(self) -> bool:
        """Whether somebody looks on, whatever the environment says of colours."""
        return self.console.file.isatty()

    def settle(self) -> None:
        """The start is over: from now on lines carry the time of day."""
        self._settled = True

    @contextmanager
    def step(self, title: str) -> Iterator["StepNote"]:
        """Show the step while it runs, and one line with its seconds when it has ended.

        Steps may overlap. The line is marked as done unless the note says that the step failed. A
        step that raises leaves no line: whoever catches the error prints it.
        """
        note = StepNote(title)
        began = time.monotonic()
        self._show(title, add=True)
        try:
            yield note
        finally:
            self._show(title, add=False)
        seconds = time.monotonic() - began
        filler = " " * max(1, _STEP_WIDTH - len(note.text))
        sign = "[red]✗[/]" if note.failed else "[green]✓[/]"
        self._print(f"{sign} {escape(note.text)}{filler}[dim]{seconds:5.1f} s[/]")

    def say(self, line: str) -> None:
        """Something happened as it should."""
        self._print(f"{self._time()}[green]•[/] {escape(line)}")

    def warn(self, line: str, details: list[str] | None = None) -> None:
        """Something happened that should not."""
        self._print(f"{self._time()}[yellow]![/] [yellow]{escape(line)}[/]")
        for detail in details or []:
            self._print(f"    [dim]{escape(detail)}[/]")

    def error(self, message: str) -> None:
        """Something failed for good."""
        self._print(f"[red]✗ {escape(message)}[/]")

    def table(self, rows: list[tuple[str, str]]) -> None:
        """Names and values, aligned."""
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            self._print(f"  [bold]{escape(name):<{width}}[/]  {escape(value)}")

    def line(self, text: str = "") -> None:
        """A line as it is, with markup."""
        self.console.print(text)

    def _print(self, text: str) -> None:
        # Into a file on a full disk: no reason to stop what runs.
        with suppress(OSError):
            self.console.print(text, overflow="ignore", no_wrap=True, crop=False)

    def _time(self) -> str:
        return f"[dim]{datetime.now().astimezone():%H:%M:%S}[/] " if self._settled else ""

    def _show(self, title: str, *, add: bool) -> None:
        if add:
            self._steps.append(title)
        else:
            self._steps.remove(title)
        if not self.console.is_terminal:
            return
        text = escape(", ".join(self._steps))
        if self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        elif self._steps:
            self._status.update(text)
        else:
            self._status.stop()
            self._status = None


class StepNote:
    """What a step that has ended says; its title unless it has more to tell."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.failed = False

    def fail(self, text: str) -> None:
        """Say that the step did not do what it is for."""
        self.text = text
        self.failed = True
