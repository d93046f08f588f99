"""What tells of a night never decides it, and never hides what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.pool import NullPool

from flows.nightly import run_now
from sql.engine import make_engine
from stack.local.servers.postgres import PostgresServer
from tests.flows.test_nightly import ask_prefect, at, ignore, rows, value

pytestmark = pytest.mark.usefixtures("prefect_server")

REFUSE = """
create function refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the bookkeeping is broken';
end
$$;
create trigger refuse before update on model_runs
for each row when ({when}) execute function refuse();
"""


def refuse(engine: Engine, when: str) -> None:
    """Let such changes of the rows of runs fail."""
    with engine.begin() as connection:
        connection.execute(text(REFUSE.format(when=when)))


@contextmanager
def unreachable(server: PostgresServer, engine: Engine) -> Iterator[None]:
    """The database takes no new connections for the time of the block."""
    name = make_url(str(engine.url)).database
    outside = make_engine(server.url("postgres"), poolclass=NullPool)

    def allow(allowed: str) -> None:
        with outside.connect() as connection:
            session = connection.execution_options(isolation_level="AUTOCOMMIT")
            session.execute(text(f"alter database {name} with allow_connections {allowed}"))

    try:
        allow("false")
        yield
    finally:
        allow("true")


def test_a_night_is_published_although_the_seconds_of_its_steps_cannot_be_stored(
    shop: Engine,
) -> None:
    refuse(shop, "new.step_seconds is distinct from old.step_seconds")
    begun: list[str] = []
    run_id = run_now(lambda step, seconds: begun.append(step) if seconds is None else None)
    assert value(shop, "select run_id from live_run") == run_id
    assert len(begun) == len(set(begun)), "no step was done again for its bookkeeping"
    assert value(shop, "select step_seconds from model_runs") == {}
    # The seconds are known all the same.
    assert "| Refit on everything |" in ask_prefect("artifacts/nightly-summary/latest")["data"]


def test_a_step_that_fails_is_reported_as_failed_and_never_as_ended(shop: Engine) -> None:
    steps: list[str] = []
    failed: list[tuple[str, float]] = []

    def on_step(step: str, seconds: float | None) -> None:
        steps.append(f"{step} {'begins' if seconds is None else 'ended'}")

    with shop.begin() as connection:
        connection.execute(text("truncate interactions"))
    with pytest.raises(Exception, match="too little to learn from"):
        run_now(on_step, on_failed=lambda step, seconds: failed.append((step, seconds)))
    assert "Build the matrix begins" in steps
    assert "Build the matrix ended" not in steps
    ((step, seconds),) = failed
    assert step == "Build the matrix"
    assert seconds >= 0.0


def test_what_broke_a_night_is_reported_although_the_database_is_gone(
    shop: Engine, postgres: PostgresServer
) -> None:
    with unreachable(postgres, shop):
        pass  # It can be made so at all.
    gone = unreachable(postgres, shop)

    def break_down() -> None:
        gone.__enter__()
        raise RuntimeError("the disk is full")

    try:
        with pytest.raises(RuntimeError, match="the disk is full"):
            run_now(at("Refit on everything", break_down))
    finally:
        gone.__exit__(None, None, None)
    (run,) = rows(shop, "select * from model_runs")
    flow_run = ask_prefect(f"flow_runs/{run.flow_run_id}")["state"]
    assert flow_run["type"] == "FAILED"
    assert "the disk is full" in flow_run["message"]
    run_now(ignore)
    states = [row.state for row in rows(shop, "select state from model_runs order by run_id")]
    assert states == ["failed", "published"]


def test_what_broke_a_night_is_reported_although_the_run_cannot_be_marked_as_failed(
    shop: Engine,
) -> None:
    refuse(shop, "new.state = 'failed'")

    def break_down() -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="the disk is full"):
        run_now(at("Refit on everything", break_down))
