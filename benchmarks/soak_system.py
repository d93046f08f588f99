"""The stack as `tandem up` starts it, in a home of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import text
from sqlalchemy.pool import NullPool

from sql.engine import make_engine
from stack.local.ports import free_port
from stack.local.supervision.state import find_state
from stack.sample.catalogue import load_films

OWN = Path(__file__).parents[1]
"""The checkout this file lies in."""
KEPT = "kept"
"""A file that says that the home folder is to be kept."""
START_SECONDS, STOP_SECONDS = 600.0, 90.0
_OF_OTHERS = ("DATABASE_URL", "READ_DATABASE_URL", "REDIS_URL", "TANDEM_STARTED_AT")


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """A started stack whose first run is served."""

    home: Path
    environment: Mapping[str, str]
    supervisor: int
    """The number of the process of `tandem up`."""
    api_url: str
    prefect_url: str
    key: str
    films: list[str]

    def keep(self) -> None:
        """Leave the home folder with its logs for somebody to look at."""
        (self.home / KEPT).touch()

    def pids(self) -> dict[str, int]:
        """The processes by name."""
        state = find_state(self.home / "state.json")
        entries = {} if state is None else state.processes
        pids = {name: entry.pid for name, entry in entries.items() if entry.pid is not None}
        return {"supervisor": self.supervisor, **pids}

    def prefect_rests(self) -> bool:
        """Whether Prefect's server and worker have been stopped until they are needed."""
        state = find_state(self.home / "state.json")
        names = ("prefect-server", "prefect-worker")
        return state is not None and all(
            name in state.processes and state.processes[name].state == "resting" for name in names
        )

    def run_states(self) -> dict[str, str]:
        """By flow run the state of the run it made."""
        state = find_state(self.home / "state.json")
        assert state is not None  # noqa: S101 -- it has been read before
        engine = make_engine(state.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            rows = connection.execute(text("select flow_run_id, state from model_runs")).all()
        return {str(row.flow_run_id): row.state for row in rows}


@contextmanager
def running_system(
    checkout: Path = OWN, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[RunningSystem]:
    """Start everything, wait for the first recommendation, stop it at the end.

    Of this checkout or of another that is prepared (`make setup`); `settings` are variables. The
    home folder is kept, and named, if the block raises or asks for it.
    """
    home = Path(tempfile.mkdtemp(prefix="tandem-soak-"))
    home.chmod(0o755)
    environment = own_environment(home) | dict(settings)
    tandem = _Tandem(_program(checkout), checkout, environment)
    up = subprocess.Popen(  # noqa: S603 -- our own
        [tandem.program, "up"], env=environment, cwd=checkout, stdout=sys.stderr
    )
    try:
        _wait_until_served(tandem, up)
        yield _described(home, tandem, up.pid)
    except BaseException:
        (home / KEPT).touch()
        raise
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(STOP_SECONDS)
        if (home / KEPT).exists():
            print(f"The logs lie in {home}", file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Tandem:
    """The command of a checkout."""

    program: str
    checkout: Path
    environment: dict[str, str]

    def json(self, *arguments: str) -> Any:
        """What a command answers."""
        done = subprocess.run(  # noqa: S603 -- our own command
            [self.program, *arguments, "--json"],
            env=self.environment,
            cwd=self.checkout,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])


def _program(checkout: Path) -> str:
    if checkout == OWN:
        return str(Path(sys.executable).with_name("tandem"))
    return str(checkout / ".venv" / "bin" / "tandem")


def own_environment(home: Path) -> dict[str, str]:
    """The variables of a stack of its own, which lies there."""
    own = {
        "TANDEM_HOME": str(home),
        "TANDEM_API_PORT": str(free_port()),
        "TANDEM_PREFECT_PORT": str(free_port()),
    }
    return {name: value for name, value in os.environ.items() if name not in _OF_OTHERS} | own


def _described(home: Path, tandem: _Tandem, supervisor: int) -> RunningSystem:
    status = tandem.json("status")
    key = tandem.json("key", "create", "--name", "soak", "--scope", "read", "--scope", "write")
    return RunningSystem(
        home=home,
        environment=tandem.environment,
        supervisor=supervisor,
        api_url=status["api_url"],
        prefect_url=status["prefect_url"],
        key=key["key"],
        films=[film.item_id for film in load_films()],
    )


def _wait_until_served(tandem: _Tandem, up: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while tandem.json("status")["first_recommendation_seconds"] is None:
        if up.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("tandem up did not come to its first recommendation")
        time.sleep(1.0)
