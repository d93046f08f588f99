"""What a start works with."""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from stack.local.home import Home
from stack.local.starting.helper_process import ask
from stack.local.starting.prefect_processes import PrefectProcesses
from stack.local.supervision.state_recorder import StateRecorder
from stack.local.supervision.supervisor import Supervisor
from stack.settings import StackSettings
from stack.terminal import Terminal

STEPS = "stack.local.starting.database_steps"


@dataclass(frozen=True, slots=True)
class Start:
    """What a start works with."""

    settings: StackSettings
    home: Home
    terminal: Terminal
    supervisor: Supervisor
    recorder: StateRecorder
    with_sample: bool
    began_at: float
    """When the person began to wait, in seconds since 1970."""
    helper: Executor
    """Where the steps in the database are done."""
    prefect: PrefectProcesses

    def begins_with_sample(self) -> bool:
        """Whether the sample will be loaded, as far as can be told before there is a database."""
        embedded = self.settings.external_database is None
        return self.with_sample and embedded and not self.home.postgres.exists()

    async def ask(self, step: str, *arguments: Any) -> Any:
        """What a step of `stack.local.starting.database_steps` answers."""
        return await ask(self.helper, STEPS, step, *arguments)
