"""What docs/backup.md says of backups, done: both restores bring everything back."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from sql.engine import make_engine
from sql.log import event_horizon
from sql.migrate import migrate
from sql.revisions import find_revisions
from sql.role_names import APP, OWNER
from stack.local.roles import ensure_embedded_roles
from stack.local.servers.binaries import postgres_program
from stack.local.servers.child_process import run_program, stop_child
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import (
    SHUTDOWN,
    PostgresServer,
    prepare_postgres,
    wait_until_ready,
)
from tests.events import event, record
from tests.passes import fold_all
from tests.words_run import open_cinema, publish, two_camps, write_night


def test_a_dump_restored_into_an_empty_database_goes_on_where_it_was(
    postgres: PostgresServer,
    engine: Engine,
    database_name: str,
    database_url: str,
    tmp_path: Path,
) -> None:
    item_nos = open_cinema(engine)
    run_id = publish(engine, write_night(engine, database_url, two_camps(item_nos)))
    before = contents(engine)
    dump = tmp_path / "tandem.dump"
    source, target = postgres.url(database_name), postgres.url(f"{database_name}_restored")
    run_program([tool("pg_dump"), "--format=custom", f"--file={dump}", source])
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f'create database "{database_name}_restored" owner {OWNER}'.encode())
    try:
        run_program([tool("pg_restore"), "--exit-on-error", f"--dbname={target}", str(dump)])
        restored = make_engine(postgres.url(f"{database_name}_restored", APP))
        assert contents(restored) == before
        with restored.begin() as connection:
            assert find_revisions(connection).current
            horizon = event_horizon(connection)
            accepted, _, _ = record(connection, [event("newcomer", item_nos[0])])
        assert accepted == 1
        assert value(restored, "select max(position) from interactions") > horizon
        assert len(fold_all(restored)) == 1
        assert value(restored, "select run_id from live_run") == run_id
        restored.dispose()
    finally:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f'drop database "{database_name}_restored" with (force)'.encode())


def test_a_base_backup_and_the_archive_bring_back_the_moment_before_a_mishap(
    short_folder: Path,
) -> None:
    folder = short_folder / "recovery"
    folder.mkdir(mode=0o755)
    with running(folder / "primary", archive_settings(folder)) as primary:
        engine = migrated(primary)
        item_nos = add_items(engine)
        base_backup(primary, folder / "base")
        with engine.begin() as connection:
            record(connection, [event("ann", item_nos[0]), event("bob", item_nos[1])])
        moment = value(engine, "select clock_timestamp()")
        with engine.begin() as connection:
            connection.execute(text("truncate interactions"))
            record(connection, [event("eve", item_nos[2])])
        # What is not archived yet is only in the primary: this is what a full segment does.
        value(engine, "select pg_switch_wal()")
        engine.dispose()
    (folder / "base" / "recovery.signal").touch()
    recovery = {
        "restore_command": f"cp {folder}/archive/%f %p",
        "recovery_target_time": moment.isoformat(),
        "recovery_target_action": "promote",
    }
    with running(folder / "base", recovery) as restored:
        engine = make_engine(restored.url("tandem", APP))
        users = "select string_agg(user_id, ' ' order by user_id) from interactions"
        assert value(engine, f"{users} join users using (user_no)") == "ann bob"
        with engine.begin() as connection:
            accepted, _, _ = record(connection, [event("ann", item_nos[2])])
        assert accepted == 1
        engine.dispose()


def tool(name: str) -> str:
    return str(postgres_program(name))


def contents(engine: Engine) -> dict[str, Any]:
    """How much there is of what counts, and what is served."""
    tables = (
        "interactions", "items", "users", "model_runs", "event_kinds", "promotions",
        "batch_recommendations", "item_embeddings", "user_embeddings", "speed_progress",
    )  # fmt: skip
    counted = {table: value(engine, f"select count(*) from {table}") for table in tables}
    assert counted["interactions"]
    assert counted["item_embeddings"]
    return counted | {"live_run": value(engine, "select run_id from live_run")}


def value(engine: Engine, query: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query)).scalar_one()


def migrated(server: PostgresServer) -> Engine:
    ensure_database(server, "tandem")
    ensure_embedded_roles(server, "tandem")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"alter database tandem owner to {OWNER}".encode())
    owner = make_engine(server.url("tandem", OWNER))
    migrate(owner)
    owner.dispose()
    return make_engine(server.url("tandem"))


def add_items(engine: Engine) -> list[int]:
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "insert into items (item_id, title) select 'item-' || n, 'Item ' || n"
                " from generate_series(1, 3) as n returning item_no"
            )
        )
        return sorted(rows.scalars())


def archive_settings(folder: Path) -> Mapping[str, str]:
    return {
        "archive_mode": "on",
        "archive_command": f"test ! -f {folder}/archive/%f && cp %p {folder}/archive/%f",
    }


def base_backup(primary: PostgresServer, folder: Path) -> None:
    # As the account of the server, to which the data belong.
    options = {"cwd": folder.parent / "archive", **options_of(primary)}
    where = f"--dbname={primary.url('postgres')}"
    run_program(
        [tool("pg_basebackup"), f"--pgdata={folder}", where, "--checkpoint=fast"], **options
    )


def options_of(server: PostgresServer) -> dict[str, Any]:
    return server.account.popen_options() if server.account else {}


@contextmanager
def running(data: Path, settings: Mapping[str, str]) -> Iterator[PostgresServer]:
    """A server with more settings, whose account may write into its folder."""
    server = prepare_postgres(data)
    archive = data.parent / "archive"
    archive.mkdir(exist_ok=True)
    if server.account is not None:
        for each in (archive, data.parent):
            os.chown(each, server.account.user, server.account.group)
    log = data.with_name(f"{data.name}.log")
    flags = [part for name, given in settings.items() for part in ("-c", f"{name}={given}")]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*server.command(), *flags], stdout=output, stderr=output, **server.popen_options()
        )
    try:
        wait_until_ready(server, process, 120, log=log)
        yield server
    finally:
        stop_child(process, SHUTDOWN)


@pytest.fixture(autouse=True)
def no_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tools are told where the server is, whatever the environment says."""
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
