"""The first night of a start: its process imports what it needs while the data comes in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from stack.local.flow_runs.nightly_flow import (
    PROMOTION,
    PUBLISHED,
    EndedFlow,
    NightlyRunError,
    outcome,
    run_flow,
)
from stack.local.starting.start import Start


class FirstNight:
    """Learns if nothing is served yet and there is something to learn from."""

    def __init__(self, start: Start, database_url: str, environment: Mapping[str, str]) -> None:
        self._start = start
        self._database_url = database_url
        self._environment = environment
        self._log = start.home.log("nightly")
        self._loop = asyncio.get_running_loop()
        self._needed, self._promoted = asyncio.Event(), asyncio.Event()
        self._flow: asyncio.Task[EndedFlow] | None = None

    def prepare(self) -> asyncio.Task[EndedFlow]:
        """Start its process, which waits for `run`."""
        if self._flow is None:
            flow = run_flow(self._environment, self._log, self._on_step, begin=self._needed.wait())
            self._flow = asyncio.create_task(flow)
        return self._flow

    async def run(self) -> None:
        """Returns when its run is served, or none will be; what follows the promotion goes on."""
        terminal = self._start.terminal
        missing = await self._start.ask("night_is_missing", self._database_url)
        if missing is None:
            terminal.warn("There are no events to learn from yet. Load some: tandem load PATH")
        if not missing:
            return
        reason: str | None = None
        with terminal.step("first night") as note:
            try:
                record = await self._record()
            except NightlyRunError as error:
                reason = str(error)
                note.fail("first night: there was none")
            else:
                line = f"first night: run {record['run_id']} {record['state']}"
                note.text = ", ".join(filter(None, (line, record["accuracy"])))
                if record["state"] != PUBLISHED:
                    reason = record["reason"] or "no reason is known"
                    note.fail(note.text)
        if reason is not None:
            terminal.warn(f"Popular items are served until a night is published. {reason}")

    async def end(self) -> None:
        """Wait for what follows the promotion, and say if it failed."""
        if self._flow is None or not self._promoted.is_set():
            return
        await asyncio.wait({self._flow})
        if self._flow.cancelled() or self._flow.exception() or self._flow.result().code:
            self._start.terminal.warn(
                f"The first night is served, but what follows it failed: see {self._log}"
            )

    async def stop(self) -> None:
        """Stop the process, if it runs."""
        if self._flow is not None:
            self._flow.cancel()
            await asyncio.wait({self._flow})

    async def _record(self) -> dict[str, Any]:
        """That of the run, with its `accuracy`; NightlyRunError if there is none."""
        before = await self._start.ask("newest_run", self._database_url)
        flow, promoted = self.prepare(), asyncio.create_task(self._promoted.wait())
        self._needed.set()
        await asyncio.wait({flow, promoted}, return_when=asyncio.FIRST_COMPLETED)
        promoted.cancel()
        record = await self._start.ask("find_run_after", self._database_url, before)
        return outcome(record, flow.result() if flow.done() else EndedFlow(0), self._log)

    def _on_step(self, step: str, seconds: float | None) -> None:
        if step == PROMOTION and seconds is not None:
            self._loop.call_soon_threadsafe(self._promoted.set)


@asynccontextmanager
async def first_night(
    start: Start, database_url: str, environment: Mapping[str, str]
) -> AsyncIterator[FirstNight]:
    """The first night; no process of it is left after the block."""
    night = FirstNight(start, database_url, environment)
    try:
        yield night
    finally:
        await night.stop()
