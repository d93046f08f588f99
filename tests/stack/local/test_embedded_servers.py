"""The embedded PostgreSQL and Redis: the real servers, started, killed and started again."""

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from stack.local.ports import free_port
from stack.local.servers import postgres, redis_server, service_account
from stack.local.servers.child_process import ServerNotReadyError, stop_child
from stack.local.servers.databases import ensure_database
from stack.local.servers.postgres import (
    PostgresServer,
    prepare_postgres,
    running_postgres,
)
from stack.local.servers.redis_server import prepare_redis, running_redis
from stack.local.servers.unix_socket import LONGEST_SOCKET_PATH_BYTES
from tests.programs import next_line, program

WAIT_SECONDS = 30

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account")


@contextmanager
def started(server: PostgresServer) -> Iterator[subprocess.Popen[Any]]:
    process = subprocess.Popen(
        server.command(), stderr=subprocess.DEVNULL, **server.popen_options()
    )
    try:
        postgres.wait_until_ready(server, process)
        yield process
    finally:
        stop_child(process, postgres.SHUTDOWN)


def execute(server: PostgresServer, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(
    ("file", "reason"),
    [("PG_VERSION", "is of PostgreSQL 17, not 18.*new home"), ("x", "no Postgre")],
)
def test_a_folder_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, file: str, reason: str
) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / file).write_text("17\n")
    with pytest.raises(RuntimeError, match=reason):
        prepare_postgres(tmp_path / "postgres")
    assert [path.name for path in (tmp_path / "postgres").iterdir()] == [file]


def wait_for_end(*pids: int) -> None:
    """Wait until the processes, perhaps children of a stranger, have ended; a zombie has."""
    for pid in pids:
        try:
            psutil.Process(pid).wait(WAIT_SECONDS)
        except psutil.NoSuchProcess:
            continue


def test_rows_survive_a_clean_stop_and_start(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        execute(server, "create table kept as select 7 as n")
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        assert execute(server, "select n from kept") == [(7,)]


def test_committed_rows_survive_a_kill_of_the_server(tmp_path: Path) -> None:
    server = prepare_postgres(tmp_path / "postgres")
    with started(server) as process:
        execute(server, "create table kept as select 7 as n")
        process.kill()
        process.wait(WAIT_SECONDS)
    with started(prepare_postgres(tmp_path / "postgres")) as process:
        assert execute(server, "select n from kept") == [(7,)]


def test_a_backend_that_outlives_its_server_does_not_prevent_the_next_start(
    tmp_path: Path,
) -> None:
    server = prepare_postgres(tmp_path / "postgres", durable=False)
    with started(server) as process:
        connection = psycopg.connect(server.url("postgres"))
        backend = connection.info.backend_pid
        # Stopped, the backend cannot notice that its server is gone, and keeps the shared memory.
        os.kill(backend, signal.SIGSTOP)
        process.kill()
        process.wait(WAIT_SECONDS)
        assert psutil.pid_exists(backend)
        with running_postgres(tmp_path / "postgres", durable=False) as again:
            assert execute(again, "select 1") == [(1,)]
        connection.close()


def test_a_killed_server_that_is_still_a_zombie_does_not_prevent_the_next_start(
    tmp_path: Path,
) -> None:
    server = prepare_postgres(tmp_path / "postgres", durable=False)
    with started(server) as process:
        os.kill(process.pid, signal.SIGKILL)
        with running_postgres(tmp_path / "postgres", durable=False) as again:
            assert execute(again, "select 1") == [(1,)]


@pytest.mark.parametrize(
    "lock", ["", f"{os.getpid()}\n/elsewhere\n"], ids=["empty", "of another program"]
)
def test_a_stale_lock_file_does_not_prevent_the_start(tmp_path: Path, lock: str) -> None:
    directory = prepare_postgres(tmp_path / "postgres", durable=False).data_directory
    (directory / "postmaster.pid").write_text(lock)
    prepare_postgres(directory, durable=False)
    assert not (directory / "postmaster.pid").exists()


def test_a_leftover_server_is_stopped_before_the_next_start(tmp_path: Path) -> None:
    server = prepare_postgres(tmp_path / "postgres", durable=False)
    with (
        started(server) as leftover,
        running_postgres(tmp_path / "postgres", durable=False) as again,
    ):
        assert leftover.poll() == 0
        assert execute(again, "select 1") == [(1,)]


def test_preparing_one_data_directory_leaves_the_server_of_another_alone(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "one", durable=False) as server:
        prepare_postgres(tmp_path / "another", durable=False)
        assert execute(server, "select 1") == [(1,)]


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux can send a signal on a parent's death"
)
def test_both_servers_end_when_their_owner_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with program(command, stdout=subprocess.PIPE, text=True) as owner:
        pids = [int(pid) for pid in next_line(owner).split()]
        assert [psutil.Process(pid).name() for pid in pids] == ["postgres", "redis-server"]
    wait_for_end(*pids)
    assert "database system is shut down" in (tmp_path / "postgres.log").read_text()


OWNER = """
import signal, sys
from pathlib import Path
import psutil
from stack.local.servers.postgres import running_postgres
from stack.local.servers.redis_server import running_redis
home = Path(sys.argv[1])
with running_postgres(home / "postgres", durable=False), running_redis(home / "redis"):
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    signal.pause()
"""


def test_pgvector_computes_an_inner_product(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        execute(server, "create extension vector")
        assert execute(server, "select '[1,2,3]'::vector <#> '[4,5,6]'::vector") == [(-32.0,)]


def test_a_database_is_made_once(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        assert ensure_database(server, 'tän "dem')
        assert not ensure_database(server, 'tän "dem')
        psycopg.connect(server.url('tän "dem')).close()


def test_the_tcp_port_wants_the_generated_password(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres", durable=False, port=free_port()) as server:
        address = f"postgresql://postgres@127.0.0.1:{server.port}/postgres"
        psycopg.connect(address, password=server.password_file.read_text()).close()
        assert server.password_file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(address, password="wrong")


def test_without_a_port_postgres_listens_nowhere_but_on_its_socket(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres", durable=False) as server:
        assert execute(server, "show listen_addresses") == [("",)]
        assert server.data_directory.stat().st_mode & 0o777 == 0o700


def test_settings_reach_the_server(tmp_path: Path) -> None:
    with running_postgres(tmp_path / "postgres") as server:
        settings = dict(execute(server, "select name, setting from pg_settings"))
    assert settings["max_wal_size"] == "4096"
    assert settings["server_encoding"] == "UTF8"
    assert (settings["jit"], settings["fsync"], settings["TimeZone"]) == ("off", "on", "UTC")


def test_a_path_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    home = tmp_path / ('long, "path" ' * 9) / "deep"
    with (
        running_postgres(home / "postgres", durable=False) as server,
        running_redis(home / "redis") as cache,
    ):
        assert len(bytes(server.data_directory)) > LONGEST_SOCKET_PATH_BYTES
        assert server.socket_directory.stat().st_mode & 0o777 == 0o700
        assert execute(server, "select 1") == [(1,)]
        assert redis.Redis.from_url(cache.url()).ping()
    server.socket_directory.rmdir()
    cache.socket_directory.rmdir()


@as_root
def test_root_opens_private_parents_for_traversal_only(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "private" / "home").mkdir(mode=0o700)
    server = prepare_postgres(tmp_path / "private" / "home" / "postgres", durable=False)
    assert server.account is not None
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o701
    home = (tmp_path / "private" / "home").stat()
    assert (home.st_mode & 0o777, home.st_gid) == (0o710, server.account.group), "nobody else's"
    assert server.data_directory.stat().st_uid != 0


@as_root
def test_an_account_that_cannot_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_account, "ACCOUNT_NAME", "tandem-test-account")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="tandem-test-account could not be made"):
        prepare_postgres(tmp_path / "postgres")


@as_root
def test_processes_that_start_at_once_make_one_account(tmp_path: Path) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from stack.local.servers import service_account
        service_account.ACCOUNT_NAME = "tandem-test-account"
        sys.stdin.readline()
        print(service_account.service_account(Path("nowhere")).user)
    """
    command = [sys.executable, "-c", program]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    try:
        starting = [subprocess.Popen(command, **pipes) for _ in range(6)]
        for process in starting:
            print(file=process.stdin, flush=True)
        users = {process.communicate(timeout=WAIT_SECONDS)[0] for process in starting}
        assert users == {f"{pwd.getpwnam('tandem-test-account').pw_uid}\n"}
    finally:
        subprocess.run(["userdel", "tandem-test-account"], check=True)


@pytest.mark.parametrize("name", ['a "b" %20 é', "a?b#c&d=e:f@g", "it's $HOME"])
def test_a_path_of_unusual_characters_works(name: str) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="t-") as short,
        running_postgres(Path(short, name, "postgres"), durable=False) as server,
        running_redis(Path(short, name, "redis")) as cache,
    ):
        assert server.socket_directory == server.data_directory
        assert execute(server, "select 1") == [(1,)]
        assert redis.Redis.from_url(cache.url()).ping()


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letter.txt").write_text("dear")
    with pytest.raises(RuntimeError, match="holds files, but no PostgreSQL data"):
        prepare_postgres(tmp_path / "postgres")
    assert (tmp_path / "postgres" / "letter.txt").read_text() == "dear"


def test_remains_of_a_killed_initdb_are_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".postgres.new-killed" / "data").mkdir(parents=True)
    prepare_postgres(tmp_path / "postgres", durable=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["postgres", "postgres.password"]


def test_a_server_that_ends_at_once_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    server = prepare_postgres(tmp_path / "postgres", durable=False)
    log = tmp_path / "postgres.log"
    with log.open("wb") as output:
        command = [*server.command(), "-c", "no_such_setting=1"]
        process = subprocess.Popen(command, stderr=output, **server.popen_options())
    with pytest.raises(ServerNotReadyError, match=r"ended with code 1(?s:.*)no_such_setting"):
        postgres.wait_until_ready(server, process, log=log)


def test_a_server_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    server = prepare_postgres(tmp_path / "postgres", durable=False)
    with (
        program([sys.executable, "-c", "import signal; signal.pause()"]) as silent,
        pytest.raises(
            ServerNotReadyError, match=r"did not answer within 0\.1 seconds \(.*No such file"
        ),
    ):
        postgres.wait_until_ready(server, silent, timeout_seconds=0.1)


def test_redis_evicts_within_a_memory_limit_and_writes_nothing_to_disk(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as server, redis.Redis.from_url(server.url()) as client:
        settings = client.config_get("*")
        assert client.set("key", "value")
    assert settings["maxmemory-policy"] == "volatile-ttl"
    assert settings["maxmemory"] == str(256 * 1024**2)
    assert (settings["save"], settings["appendonly"], settings["port"]) == ("", "no", "0")
    assert [path.name for path in server.directory.iterdir()] == ["redis.log"]


def test_redis_starts_again_after_a_kill(tmp_path: Path) -> None:
    server = prepare_redis(tmp_path / "redis")
    process = subprocess.Popen(
        server.command(), stdout=subprocess.DEVNULL, **server.popen_options()
    )
    redis_server.wait_until_ready(server, process)
    process.kill()
    process.wait(WAIT_SECONDS)
    with running_redis(tmp_path / "redis") as again:
        assert redis.Redis.from_url(again.url()).ping()


def test_a_leftover_redis_is_stopped_before_the_next_start(tmp_path: Path) -> None:
    with running_redis(tmp_path / "redis") as server:
        leftover = redis.Redis.from_url(server.url()).info("server")["process_id"]
        prepare_redis(tmp_path / "redis")
        wait_for_end(leftover)
        with pytest.raises(redis.ConnectionError):
            redis.Redis.from_url(server.url()).ping()
