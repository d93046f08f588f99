"""Rollbacks to a retained run, by the command that people use."""

import random
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import partial

from stack.local.servers.child_process import ending_with_parent
from stack.local.supervision.background import in_thread
from stack.local.supervision.log_file import open_log
from tests.chaos.fleet import end_family
from tests.chaos.keeping import RunKeeper
from tests.chaos.system import System, rollback_command
from tests.chaos.violations import Diary

_LONGEST_SECONDS = 60.0


@dataclass(slots=True)
class RollingBack:
    """Rolls back now and then; a rollback may fail while the store is away, but not harm."""

    system: System
    keeper: RunKeeper
    diary: Diary
    done: int = 0
    refused: int = 0
    """Also those that found the store away."""

    async def once(self) -> None:
        """Roll back to a retained run, if there is one besides the served one."""
        live, retained = await self.keeper.live_and_retained()
        choice = [run for run in retained if run != live]
        if not self.system.rollbacks or not choice:
            self.diary.note(time.monotonic(), "no run to roll back to")
            return
        run_id = random.Random(f"{live} {self.done}").choice(choice)
        self.diary.note(time.monotonic(), f"rollback from run {live} to {run_id} begins")
        code = await self._ended(self._start(rollback_command(run_id)))
        self.done += code == 0
        self.refused += code != 0
        ending = "is done" if code == 0 else f"ended with code {code}"
        self.diary.note(time.monotonic(), f"rollback to run {run_id} {ending}")

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with open_log(self.system.home.log("rollbacks")) as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.system.nightly_environment,
                start_new_session=True,
                **ending_with_parent(signal.SIGKILL),
            )

    async def _ended(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return await in_thread(partial(process.wait, _LONGEST_SECONDS))
        except subprocess.TimeoutExpired:
            return -1
        finally:
            end_family(process)
