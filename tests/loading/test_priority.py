"""Bulk work lets those go first who answer."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from loading.priority import NICENESS, let_others_go_before_backend
from loading.store import connected

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="the kernel does not know sessions"
)


def _niceness_of_session(pid: int) -> int:
    # As in "/autogroup-123 nice 10". What began before any session has an empty file.
    return int((Path(f"/proc/{pid}/autogroup").read_text(encoding="ascii").split() or [0])[-1])


def test_backends_of_a_load_let_others_go_first(database_url: str) -> None:
    with connected(database_url), psycopg.connect(database_url) as reader:
        rows = reader.execute(
            "select pid, pid = pg_backend_pid() from pg_stat_activity"
            " where datname = current_database() and backend_type = 'client backend'"
        ).fetchall()
        nicenesses = {is_reader: _niceness_of_session(pid) for pid, is_reader in rows}
    assert nicenesses == {True: 0, False: NICENESS}


def test_a_process_that_is_no_backend_of_this_database_is_left_alone(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        pid, role, name = connection.info.backend_pid, connection.info.user, connection.info.dbname
        let_others_go_before_backend(pid, role, "another")
        assert _niceness_of_session(pid) == 0
        let_others_go_before_backend(pid, role, name)
        assert _niceness_of_session(pid) == NICENESS
    before = _niceness_of_session(os.getpid())
    let_others_go_before_backend(os.getpid(), role, name)
    let_others_go_before_backend(2**22 + 1, role, name)  # there is no such process
    assert _niceness_of_session(os.getpid()) == before


@pytest.mark.parametrize("leads", [True, False])
def test_a_program_lowers_the_session_that_it_leads(leads: bool) -> None:  # noqa: FBT001
    program = (
        "import os; from pathlib import Path; from loading.priority import let_others_go_first;"
        " let_others_go_first(); let_others_go_first();"
        " print(os.nice(0), *Path('/proc/self/autogroup').read_text().split()[-1:] or [0])"
    )
    before = _niceness_of_session(os.getpid())
    printed = subprocess.run(
        [sys.executable, "-c", program],
        start_new_session=leads,
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.split() == [str(NICENESS), str(NICENESS if leads else before)]
