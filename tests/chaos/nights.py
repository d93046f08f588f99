"""Nightly runs one after the other, killed or frozen in the middle when they are ordered to be."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from domain.errors import StackError
from stack.local.servers.child_process import ending_with_parent
from stack.local.supervision.log_file import open_log
from tests.chaos.fleet import end_family
from tests.chaos.violations import Diary

PROGRAM = ["-m", "tests.chaos.night_server"]
STEPS = 16
"""About as many as a night has."""
LONGEST_SECONDS = 120.0
BAD_HYPERPARAMETERS = {
    "TANDEM_BATCH_FACTORS": "1",
    "TANDEM_BATCH_ITERATIONS": "1",
    "TANDEM_BATCH_THRESHOLD": "0.999",
    "TANDEM_BATCH_POPULARITY_EXPONENT": "-1",
}
"""Lists that are worse than the popular ones."""
_GOOD_HYPERPARAMETERS = ("TANDEM_BATCH_FACTORS", "TANDEM_BATCH_ITERATIONS")
_INTO_STEP_SECONDS = 0.2
_OUTCOMES = {"RunRefusedError": "refused", "RunInProgressError": "turned away"}

Message = Mapping[str, Any]


@dataclass(slots=True)
class Order:
    """To kill a night (or to freeze it for a while) at the beginning of a step."""

    at_step: int
    frozen_seconds: float | None
    """None: kill it."""
    done: asyncio.Future[float]
    """The monotonic time when it was done."""


@dataclass(slots=True)
class Night:
    """The night that runs."""

    number: int
    ended: asyncio.Future[int]
    """Its exit code."""
    pid: int | None = None
    steps: int = 0
    killed: bool = False
    ending: dict[str, Any] = field(default_factory=dict)
    """The run it made, or the error it ended in."""

    def outcome(self) -> str:
        """How it ended."""
        if self.killed:
            return "killed"
        error = str(self.ending.get("error"))
        return "published" if "run_id" in self.ending else _OUTCOMES.get(error, "failed")


@dataclass(slots=True)
class Nights:
    """Runs nights until it is stopped."""

    environment: Mapping[str, str]
    log: Path
    diary: Diary
    after_each: Callable[[], Awaitable[None]]
    """Awaited before the next night begins, so that it cannot retire what nobody has looked at."""
    pause_seconds: float
    seed: int
    outcomes: Counter[str] = field(default_factory=Counter)
    bad_nights: int = 0
    """How many of the next nights get bad hyperparameters."""
    orders: deque[Order] = field(default_factory=deque)
    number: int = 0
    _server: subprocess.Popen[str] | None = None
    _night: Night | None = None

    def start(self) -> None:
        """Start the process that nights are forked from, and read what it reports."""
        with open_log(self.log) as output:
            self._server = subprocess.Popen(
                [sys.executable, *PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                env=self.environment,
                start_new_session=True,
                **ending_with_parent(signal.SIGKILL),
            )
        loop = asyncio.get_running_loop()
        Thread(target=self._listen, args=(self._server, loop), daemon=True).start()

    def end(self) -> None:
        """Kill everything."""
        end_family(self._server)
        for pipe in (self._server.stdin, self._server.stdout) if self._server else ():
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    async def forever(self) -> None:
        """Night after night."""
        while True:
            await self.once()
            await self.after_each()
            await asyncio.sleep(0.0 if self.orders else self.pause_seconds)

    def order(self, share: float, frozen_seconds: float | None = None) -> asyncio.Future[float]:
        """Have a night killed or frozen at a step drawn by `share`."""
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.orders.append(Order(int(share * STEPS), frozen_seconds, done))
        return done

    async def once(self) -> str:
        """One night; how it ended."""
        self.number += 1
        night = Night(self.number, asyncio.get_running_loop().create_future())
        self._night = night
        self._note(f"night {night.number} begins")
        self._ask(self._own_environment())
        try:
            await asyncio.wait_for(asyncio.shield(night.ended), LONGEST_SECONDS)
        except TimeoutError:
            self._note(f"night {night.number} does not end and is given up")
            self._send(night, signal.SIGKILL)
            await night.ended
        except asyncio.CancelledError:
            self._send(night, signal.SIGKILL)
            raise
        self._night = None
        self.outcomes[night.outcome()] += 1
        message = night.ending.get("message", "")
        self._note(f"night {night.number} {night.outcome()} {message}".strip())
        return night.outcome()

    def _own_environment(self) -> dict[str, str]:
        bad = self.bad_nights > 0
        self.bad_nights -= bad
        hyperparameters = {name: self.environment[name] for name in _GOOD_HYPERPARAMETERS}
        seed = 1000 * self.seed + self.number
        # Of every two nights one has steps side by side, if there is more than one core.
        drawn = {"TANDEM_BATCH_SEED": str(seed), "TANDEM_BATCH_THREADS": str(1 + seed % 2)}
        return {**hyperparameters, **drawn, **(BAD_HYPERPARAMETERS if bad else {})}

    def _ask(self, environment: Mapping[str, str]) -> None:
        server = self._server
        if server is None or server.stdin is None:
            raise StackError("The process that nights are forked from does not run.")
        server.stdin.write(f"{json.dumps(environment)}\n")
        server.stdin.flush()

    def _listen(self, server: subprocess.Popen[str], loop: asyncio.AbstractEventLoop) -> None:
        # The loop may be closed, and the pipe with it, when everything ends.
        with suppress(RuntimeError, ValueError):
            for line in server.stdout or ():
                loop.call_soon_threadsafe(self._receive, json.loads(line))
            loop.call_soon_threadsafe(self._receive, {"code": 1})

    def _receive(self, message: Message) -> None:
        night = self._night
        if night is None:
            return
        if "pid" in message:
            night.pid = message["pid"]
        elif "code" in message:
            if not night.ended.done():
                night.ended.set_result(message["code"])
        elif "failed_step" in message:
            return
        elif "step" not in message:
            night.ending.update(message)
        elif message["seconds"] is None:
            night.steps += 1
            if self.orders and night.steps > self.orders[0].at_step:
                self._carry_out(night, self.orders.popleft(), str(message["step"]))

    def _carry_out(self, night: Night, order: Order, step: str) -> None:
        drawn = random.Random(f"{self.seed} {night.number}")
        loop = asyncio.get_running_loop()
        if order.frozen_seconds is None:
            loop.call_later(drawn.uniform(0, _INTO_STEP_SECONDS), self._kill, night, order, step)
        else:
            self._send(night, signal.SIGSTOP)
            self._note(f"night {night.number} frozen in: {step}")
            loop.call_later(order.frozen_seconds, self._resume, night, order)

    def _kill(self, night: Night, order: Order, step: str) -> None:
        if not self._send(night, signal.SIGKILL):
            # It ended in the meantime: the next one then.
            self.orders.appendleft(order)
            return
        night.killed = True
        self._note(f"night {night.number} killed in: {step}")
        if not order.done.done():
            order.done.set_result(time.monotonic())

    def _resume(self, night: Night, order: Order) -> None:
        self._send(night, signal.SIGCONT)
        if not order.done.done():
            order.done.set_result(time.monotonic())

    def _send(self, night: Night, number: signal.Signals) -> bool:
        """Signal a night with all it has started; whether it was still running."""
        if night.pid is None or night.ended.done():
            return False
        try:
            os.killpg(night.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _note(self, what: str) -> None:
        self.diary.note(time.monotonic(), what)
