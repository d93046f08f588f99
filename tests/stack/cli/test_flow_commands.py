"""`tandem nightly` and the like while the stack is down: they leave nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.programs import program
from tests.waiting import wait_until

TANDEM = str(Path(sys.executable).with_name("tandem"))


def descendants(command: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(command.pid).children(recursive=True)


def is_at_work(command: subprocess.Popen[bytes]) -> bool:
    """Whether the process of the flow runs, and beside it a Prefect server that listens."""
    assert command.poll() is None
    try:
        found = descendants(command)
        flow = any(
            "stack.local.flow_runs.nightly_entry_point" in process.cmdline() for process in found
        )
        return flow and any(process.net_connections(kind="tcp") for process in found)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("deadly", [signal.SIGTERM, signal.SIGKILL])
def test_a_nightly_run_that_a_signal_ends_leaves_no_process_behind(
    database_url: str, tmp_path: Path, deadly: signal.Signals
) -> None:
    environment = os.environ | {"DATABASE_URL": database_url, "TANDEM_HOME": str(tmp_path / "home")}
    with program([TANDEM, "nightly"], env=environment) as command:
        wait_until(lambda: is_at_work(command), seconds=330)
        started = descendants(command)
        command.send_signal(deadly)
        command.wait(timeout=60)
        wait_until(lambda: not any(map(psutil.Process.is_running, started)), seconds=60)
