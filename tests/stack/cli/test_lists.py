"""Lists on a terminal of 80 columns, and in a pipe."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sql.role_names import APP
from stack.cli import app
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.programs import LONGEST_SECONDS, program

TANDEM = str(Path(sys.executable).with_name("tandem"))
EVENTS = "user_id,item_id,kind\nann,film-1,view\n"
HEADINGS = {
    ("key", "list"): "name",
    ("kind", "list"): "kind",
    ("account", "list"): "name",
    ("loads",): "load",
    ("audit",): "entry",
}
_STYLE = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(scope="module", autouse=True)
def store(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A store with keys, kinds, accounts and loads whose names are long."""
    folder = tmp_path_factory.mktemp("lists")
    log = folder / f"{'a-log-with-a-long-name-' * 4}.csv"
    log.write_text(EVENTS)
    scopes = [word for scope in ("read", "write", "users", "token") for word in ("--scope", scope)]
    with cloned_database(postgres) as name, pytest.MonkeyPatch.context() as environment:
        environment.chdir(folder)
        environment.delenv("COLUMNS", raising=False)
        environment.setenv("DATABASE_URL", postgres.url(name, APP))
        environment.setenv("TANDEM_HOME", str(folder / "home"))
        tandem("key", "create", "--name", "the backend of the shop for garden furniture", *scopes)
        tandem("key", "create", "--name", "app", "--expires", "2099-01-31", "--limit", "600")
        tandem("key", "revoke", "app")
        tandem("account", "create", "somebody-with-a-long-name@branch.example.org", "--link")
        tandem("load", str(log), "--no-times")
        yield


def tandem(*arguments: str) -> str:
    """What a command writes where nobody looks on."""
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_lists_fit_a_terminal_of_80_columns_and_are_a_line_a_row_in_a_pipe() -> None:
    for arguments, heading in HEADINGS.items():
        shown = on_terminal([TANDEM, *arguments], columns=80)
        lines = _STYLE.sub("", shown).splitlines()
        assert lines[0].split()[0] == heading
        assert max(map(len, lines)) <= 80, shown
        rows = json.loads(tandem(*arguments, "--json"))
        assert rows
        assert len(tandem(*arguments).splitlines()) == 1 + len(rows)
    piped = subprocess.check_output([TANDEM, "loads"], text=True, timeout=LONGEST_SECONDS)
    assert piped == tandem("loads"), "a pipe of the system is the same to it"


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    script = f"set -o pipefail; {TANDEM} audit --json | true; echo $?"
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST_SECONDS,
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


def on_terminal(command: list[str], *, columns: int) -> str:
    """What a command writes on a terminal that wide."""
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    ends = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    written, deadline = b"", time.monotonic() + LONGEST_SECONDS
    with program(command, start_new_session=True, **ends) as process:
        os.close(terminal)
        while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            try:
                written += os.read(ours, 65_536)
            except OSError:  # Linux says so that the other side is closed
                break
        else:
            pytest.fail(f"{command} has not ended: {written!r}")
        os.close(ours)
        assert process.wait(LONGEST_SECONDS) == 0, written
    return written.decode().replace("\r\n", "\n")
