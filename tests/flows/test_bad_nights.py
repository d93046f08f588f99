"""Whatever becomes of a night: the served run stays, the reason is told, the next one clears up."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL
from sqlalchemy import Connection, Engine, text
from typer.testing import CliRunner

from batch.runs.model_runs import DEAD
from flows.nightly import run_now
from sql.locks import NIGHT, session_lock
from stack.cli import app
from stack.local.servers.postgres import PostgresServer
from tests.flows.lost_connections import lose_connection
from tests.flows.test_nightly import ask_prefect, at, ignore, partitions, partitions_of, rows, value
from tests.programs import LONGEST_SECONDS, next_line, program
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("prefect_server")

ROOT = Path(__file__).parent.parent.parent
Record = Callable[[Connection, Sequence[tuple[str, int, float]]], None]
LARGEST_FILE = 16 * 2**20
"""Bytes: as large as a segment of the write-ahead log has to be."""
EACH_LIST = "insert on batch_recommendations for each row"
DEADLY_STEPS = (
    "Read the history", "Score the future", "Write the lists", "Write the live vectors", "Promote",
)  # fmt: skip
"""Before each a night has left something else behind; between two of them, only more of it."""


@pytest.fixture
def served(first_run: int) -> int:
    return first_run


def started_nights(*steps: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The process that nights are forked from, for the time of a block."""
    environment = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    return program(
        [sys.executable, "-m", "tests.flows.dying_nights", *steps],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def runs_by_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, dict[str, Any]]:
    """What `tandem runs` tells."""
    monkeypatch.setenv("TANDEM_HOME", str(home))
    result = CliRunner().invoke(app, ["runs", "--json"])
    assert result.exit_code == 0, result.output
    return {record["run_id"]: record for record in json.loads(result.stdout.splitlines()[-1])}


def prefect_state(engine: Engine, run_id: int) -> dict[str, Any]:
    flow_run_id = value(
        engine, "select flow_run_id from model_runs where run_id = :run_id", run_id=run_id
    )
    return dict(ask_prefect(f"flow_runs/{flow_run_id}")["state"])


def test_killed_at_any_step_a_night_changes_nothing_and_the_next_one_clears_up(
    shop: Engine, served: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = value(shop, "select step_seconds from model_runs where run_id = :run_id", run_id=served)
    assert set(DEADLY_STEPS) <= set(steps)
    with started_nights(*DEADLY_STEPS) as nights:
        assert nights.wait(timeout=500) == 0

    assert value(shop, "select run_id from live_run") == served
    dead = [row.run_id for row in rows(shop, "select * from model_runs order by 1")][1:]
    assert len(dead) == len(DEADLY_STEPS)
    newest = int(run_now(ignore))
    for run_id in dead:
        state, reason = rows(
            shop, "select state, reason from model_runs where run_id = :run_id", run_id=run_id
        )[0]
        assert (state, reason) == ("failed", DEAD)
        flow_run = prefect_state(shop, run_id)
        assert (flow_run["type"], flow_run["message"]) == ("CRASHED", DEAD)
    assert partitions(shop) == partitions_of(served, newest)
    listed_runs = runs_by_command(tmp_path / "home", monkeypatch)
    assert [listed_runs[run_id]["reason"] for run_id in dead] == [DEAD] * len(dead)
    promoted = [
        row.run_id for row in rows(shop, "select run_id from promotions order by promotion_no")
    ]
    assert promoted == [served, newest]


def test_killed_within_the_promotion_a_night_leaves_the_served_run(
    shop: Engine, served: int
) -> None:
    with shop.connect() as holder, started_nights("never") as nights:
        holder.execute(text("select * from live_run for update"))
        child = int(next_line(nights))
        waiting = (
            "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database() and query like '%promote_run%'"
        )
        wait_until(lambda: rows(shop, waiting), seconds=60)
        os.kill(child, signal.SIGKILL)
        nights.communicate(timeout=60)
        holder.rollback()
    wait_until(lambda: not rows(shop, waiting))
    assert value(shop, "select run_id from live_run") == served
    assert [row.run_id for row in rows(shop, "select * from promotions")] == [served]
    newest = run_now(ignore)
    assert partitions(shop) == partitions_of(served, newest)


def test_killed_after_the_promotion_a_night_has_published_its_run(
    shop: Engine, served: int
) -> None:
    with started_nights("Retire old runs") as nights:
        assert nights.wait(timeout=300) == 0
    second = value(shop, "select run_id from live_run")
    assert second != served
    third = run_now(ignore, retained_runs=2)
    assert partitions(shop) == partitions_of(second, third)
    states = [row.state for row in rows(shop, "select state from model_runs order by run_id")]
    assert states == ["retired", "published", "published"]


def test_a_connection_lost_within_a_step_is_opened_again(shop: Engine, served: int) -> None:
    with shop.begin() as connection:
        lose_connection(connection, EACH_LIST)
    newest = run_now(ignore)
    assert value(shop, "select last_value from losses") > 1
    assert value(shop, "select run_id from live_run") == newest
    assert value(shop, "select count(*) from batch_recommendations") == 120


def test_a_connection_lost_again_and_again_ends_the_night_and_nothing_else(
    shop: Engine, served: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.begin() as connection:
        lose_connection(connection, EACH_LIST, times=1_000_000)
    with pytest.raises(Exception, match="terminating connection"):
        run_now(ignore)
    assert_failed_with("terminating connection", shop, served, tmp_path, monkeypatch)


def test_all_connections_lost_at_once_end_no_more_than_the_night(shop: Engine, served: int) -> None:
    def lose_all() -> None:
        with shop.connect() as connection:
            connection.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            )

    newest = run_now(at("Write the live vectors", lose_all))
    assert value(shop, "select run_id from live_run") == newest


def test_a_full_disk_ends_the_night_and_nothing_else(  # noqa: PLR0917 -- fixtures
    shop: Engine,
    served: int,
    record: Record,
    postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux limits the files of a running process")
    with shop.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title) select 'more-' || n, 'More ' || n"
                " from generate_series(1, 1000) as n"
            )
        )
        visits = [(f"many-{n % 4000}", 1 + (n * 7919) % 1060, n % 100) for n in range(12_000)]
        record(connection, visits)
    monkeypatch.setenv("TANDEM_BATCH_LIST_LENGTH", "1000")
    with file_size_limited(postgres), pytest.raises(Exception, match="could not extend file"):
        run_now(ignore)
    assert_failed_with("could not extend file", shop, served, tmp_path, monkeypatch)


@contextmanager
def file_size_limited(server: PostgresServer) -> Iterator[None]:
    """Connections opened now find the disk full once a file is so large; PostgreSQL cannot tell."""
    postmaster = int((server.data_directory / "postmaster.pid").read_text().splitlines()[0])
    before = Path(f"/proc/{postmaster}/limits").read_text()
    unlimited = re.search(r"^Max file size +unlimited", before, re.MULTILINE)
    if not unlimited or not limit_files_of(server, postmaster, LARGEST_FILE):
        pytest.skip("the files of the test's PostgreSQL cannot be limited here")
    try:
        yield
    finally:
        limit_files_of(server, postmaster, resource.RLIM_INFINITY)


def limit_files_of(server: PostgresServer, process: int, size: int) -> bool:
    """Set the soft limit, which may be raised again, as the account PostgreSQL runs under."""
    program_of_linux = shutil.which("prlimit")
    if program_of_linux is None:
        return False
    soft = "unlimited" if size == resource.RLIM_INFINITY else size
    limit = [program_of_linux, f"--pid={process}", f"--fsize={soft}:unlimited"]
    account = {} if server.account is None else server.account.popen_options()
    done = subprocess.run(limit, check=False, timeout=LONGEST_SECONDS, **account)
    return done.returncode == 0


def assert_failed_with(
    reason: str, shop: Engine, served: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest run failed; the served one stays; SQL, Prefect and the command line say why."""
    assert value(shop, "select run_id from live_run") == served
    failed = rows(shop, "select * from analytics.model_runs order by run_id")[-1]
    assert failed.state == "failed"
    assert reason in failed.reason
    state = prefect_state(shop, failed.run_id)
    assert state["type"] == "FAILED"
    assert reason in state["message"]
    assert reason in runs_by_command(home, monkeypatch)[failed.run_id]["reason"]
    assert partitions(shop) == partitions_of(served)


def test_a_second_night_at_once_says_in_prefect_why_it_does_not_run(
    shop: Engine, served: int
) -> None:
    with (
        shop.connect() as connection,
        session_lock(connection, NIGHT),
        pytest.raises(Exception, match="Another nightly run is in progress"),
    ):
        run_now(ignore)
    (flow_run,) = post_prefect("flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC", "limit": 1})
    assert flow_run["state_type"] == "FAILED"
    assert "Another nightly run is in progress" in flow_run["state"]["message"]


def post_prefect(path: str, body: dict[str, Any]) -> Any:
    answer = httpx.post(f"{PREFECT_API_URL.value()}/{path}", json=body, timeout=60)
    return answer.raise_for_status().json()
