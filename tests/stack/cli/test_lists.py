"""Lists on a terminal of 80 columns, and in a pipe."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

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


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A store with keys, kinds, accounts and loads whose names are long."""
    given = os.environ | {"DATABASE_URL": database_url, "TANDEM_HOME": str(tmp_path / "home")}
    given.pop("COLUMNS", None)
    log = tmp_path / f"{'a-log-with-a-long-name-' * 4}.csv"
    log.write_text(EVENTS)
    scopes = [word for scope in ("read", "write", "users", "token") for word in ("--scope", scope)]
    for arguments in (
        ["key", "create", "--name", "the backend of the shop for garden furniture", *scopes],
        ["key", "create", "--name", "app", "--expires", "2099-01-31", "--limit", "600"],
        ["key", "revoke", "app"],
        ["account", "create", "somebody-with-a-long-name@branch.example.org", "--link"],
        ["load", str(log), "--no-times"],
    ):
        run(arguments, given)
    return given


def run(arguments: Sequence[str], environment: dict[str, str]) -> str:
    return subprocess.check_output([TANDEM, *arguments], env=environment, text=True)


def test_lists_fit_a_terminal_of_80_columns_and_are_a_line_a_row_in_a_pipe(
    environment: dict[str, str],
) -> None:
    for arguments, heading in HEADINGS.items():
        shown = "".join(on_terminal([TANDEM, *arguments], environment, columns=80))
        lines = _STYLE.sub("", shown).splitlines()
        assert lines[0].split()[0] == heading
        assert max(map(len, lines)) <= 80, shown
        rows = json.loads(run([*arguments, "--json"], environment))
        assert rows
        assert len(run(arguments, environment).splitlines()) == 1 + len(rows)


def test_a_reader_that_has_read_enough_is_no_error(environment: dict[str, str]) -> None:
    script = f"set -o pipefail; {TANDEM} audit --json | true; echo $?"
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("141\n", "")


def on_terminal(command: list[str], environment: dict[str, str], *, columns: int) -> Iterator[str]:
    """What a command writes on a terminal that wide."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.execve(command[0], command, environment)
    while True:
        try:
            written = os.read(terminal, 65_536)
        except OSError:  # Linux says so that the other side is closed
            break
        yield written.decode().replace("\r\n", "\n")
    os.waitpid(pid, 0)
    os.close(terminal)
