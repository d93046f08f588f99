"""What a killed `tandem up` leaves, and how the next start finds its way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import psutil
import pytest

from stack.local.home import UP, Home, HomeInUseError, find_owner, is_up, owning
from stack.local.port_check import NeededPort, PortTakenError, check_ports
from stack.local.ports import free_port
from stack.local.supervision.leftovers import end_leftovers
from stack.local.supervision.log_file import (
    LARGEST_LOG_BYTES,
    last_lines,
    open_log,
    put_aside,
)
from stack.local.supervision.state import (
    ProcessEntry,
    StackState,
    checked,
    entry_of,
    find_state,
    store_state,
)
from tests.programs import LONGEST_SECONDS, next_line, program

SLEEP = "import time; print('asleep', flush=True); time.sleep(600)"
OWN_AND_SLEEP = """
import sys, time
from pathlib import Path
from stack.local.home import Home, owning
with owning(Home(Path(sys.argv[1])), "tandem up"):
    print("owned", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    """A process with a session of its own, as the supervisor starts them; it sleeps by now."""
    command = [sys.executable, "-c", SLEEP]
    with program(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        next_line(process)
        yield process


def state_of(**processes: ProcessEntry) -> StackState:
    return StackState("http://api", "http://prefect", "postgresql://", "redis://", False, processes)


def test_the_state_file_gives_back_what_was_stored_and_is_private(tmp_path: Path) -> None:
    state = state_of(api=ProcessEntry("running", 1, 2.0), speed=ProcessEntry("failed"))
    store_state(tmp_path / "state.json", state)
    assert find_state(tmp_path / "state.json") == state
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[]", '{"processes": {}}', '{"processes": []}'])
def test_a_damaged_state_file_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert find_state(tmp_path / "state.json") is None


def test_processes_left_over_are_ended(sleeper: subprocess.Popen[str]) -> None:
    assert end_leftovers(state_of(api=entry_of(sleeper.pid))) == ["api"]
    assert not psutil.pid_exists(sleeper.pid)


def test_a_stranger_that_has_got_the_number_is_left_alone(sleeper: subprocess.Popen[str]) -> None:
    ours = replace(entry_of(sleeper.pid), created_at=psutil.boot_time() - 1000)
    assert end_leftovers(state_of(api=ours)) == []
    assert sleeper.poll() is None


def test_status_believes_the_process_and_not_the_file(sleeper: subprocess.Popen[str]) -> None:
    entry = replace(entry_of(sleeper.pid), state="running")
    state = state_of(api=entry, speed=ProcessEntry("failed"))
    assert checked(state, supervised=True) == state.processes
    sleeper.kill()
    sleeper.wait(LONGEST_SECONDS)
    assert checked(state, supervised=True)["api"] == ProcessEntry("restarting")
    assert {entry.state for entry in checked(state, supervised=False).values()} == {"stopped"}


def test_a_second_start_in_the_same_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with (
        owning(home, UP),
        pytest.raises(HomeInUseError, match=rf"already runs .*\(pid {os.getpid()}\).*tandem down"),
        owning(home, UP),
    ):
        pass
    assert find_owner(home) is None


def test_a_folder_is_free_again_when_its_owner_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWN_AND_SLEEP, str(tmp_path)]
    with program(command, stdout=subprocess.PIPE, text=True) as owner:
        assert next_line(owner) == "owned\n"
        assert find_owner(Home(tmp_path)) == (owner.pid, UP)
    assert not is_up(Home(tmp_path))
    with owning(Home(tmp_path), "tandem load"):
        assert find_owner(Home(tmp_path)) == (os.getpid(), "tandem load")


def test_a_taken_port_names_itself_its_holder_and_the_setting() -> None:
    port = free_port()
    listening = (
        f"import socket, time; s = socket.create_server(('127.0.0.1', {port}));"
        "print('on', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", listening]
    with program(command, stdout=subprocess.PIPE, text=True) as holder:
        next_line(holder)
        needed = NeededPort("the API", "127.0.0.1", port, "TANDEM_API_PORT")
        with pytest.raises(PortTakenError) as raised:
            check_ports([needed])
    for part in (f"Port {port}", f"pid {holder.pid}", "TANDEM_API_PORT"):
        assert part in str(raised.value)
    check_ports([replace(needed, port=free_port())])


def test_a_log_that_has_grown_large_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "api.log"
    with open_log(log) as output:
        output.truncate(LARGEST_LOG_BYTES + 1)
    with open_log(log) as output:
        output.write(b"one\ntwo\nthree\n")
    assert last_lines(log, 2) == ["two", "three"]
    assert log.with_name("api.log.1").stat().st_size > LARGEST_LOG_BYTES


def test_a_log_may_be_put_aside_while_it_is_being_written(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    with open_log(log) as output:
        output.write(b"x" * LARGEST_LOG_BYTES + b"\nend\n")
        output.flush()
        assert put_aside(log)
        assert not put_aside(log)
        output.write(b"after\n")
    assert log.read_bytes() == b"after\n"
    aside = log.with_name("api.log.1")
    assert aside.stat().st_size == LARGEST_LOG_BYTES
    assert last_lines(aside, 1) == ["end"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.log", "api.log.1"]


@pytest.mark.skipif(sys.platform != "linux", reason="no disk that is always full elsewhere")
def test_a_log_that_there_is_no_room_to_put_aside_is_cut_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))
    log.with_name("api.log.new").symlink_to("/dev/full")
    assert put_aside(log)
    assert log.stat().st_size == 0
    assert [path.name for path in tmp_path.iterdir()] == ["api.log"]


def test_a_log_that_cannot_be_put_aside_for_another_reason_stays_whole(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))
    log.with_name("api.log.1").mkdir()
    with pytest.raises(OSError, match=r"api\.log\.1"):
        put_aside(log)
    assert log.stat().st_size == LARGEST_LOG_BYTES + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.log", "api.log.1"]


def test_a_log_begun_anew_while_the_one_before_is_put_aside_is_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "api.log"
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))
    copy = shutil.copyfileobj

    def restart_meanwhile(source: BinaryIO, target: BinaryIO) -> None:
        with open_log(log) as output:
            output.write(b"begun anew\n")
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfileobj", restart_meanwhile)
    put_aside(log)
    assert log.read_bytes() == b"begun anew\n"
    assert log.with_name("api.log.1").stat().st_size == LARGEST_LOG_BYTES
