"""Clients that send slowly, take no answer or hold connections open are left in time."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from stack.local.servers.postgres import PostgresServer
from tests.serving.process import RunApi, RunningApi, run_api
from tests.serving.raw import HEAD, PIECE, connected
from tests.serving.shared_api import shared_api

__all__ = ["run_api"]


@pytest.fixture(scope="module")
def waiting_for_no_header(
    postgres: PostgresServer, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    folder = tmp_path_factory.mktemp("headers")
    with shared_api(postgres, redis_server_url, folder, api_header_seconds=0.5) as (api, _):
        yield api


@pytest.fixture(scope="module")
def waiting_for_nobody(
    postgres: PostgresServer, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    """It waits neither for who is to take an answer nor for a body."""
    settings = {"api_send_seconds": 0.5, "api_body_bytes": 200_000, "api_body_seconds": 0.5}
    folder = tmp_path_factory.mktemp("bodies")
    with shared_api(postgres, redis_server_url, folder, **settings) as (api, _):
        yield api


def test_half_a_header_is_reported_so_and_ended(waiting_for_no_header: RunningApi) -> None:
    api = waiting_for_no_header
    with ExitStack() as stack:
        starts = (HEAD, b"G", b"\r\n", HEAD + b"X-A: a\r\n")
        for start in starts:
            raw = stack.enter_context(connected(api.port))
            raw.send(start)
            assert raw.answer().status == 408
            assert raw.is_ended()
        silent = stack.enter_context(connected(api.port))
        assert silent.is_ended(), "who says nothing is told nothing"
        slow = stack.enter_context(connected(api.port))
        sent = 0
        while slow.is_quiet():
            slow.send(b"X" if sent else b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ")
            sent += 1
            # Slowly: a fast machine would send more than headers may have.
            time.sleep(0.005)
        assert slow.answer().status == 408, "byte by byte is no way around it"


def test_an_idle_connection_outlives_the_time_for_headers_and_half_a_second_one_does_not(
    waiting_for_no_header: RunningApi,
) -> None:
    api = waiting_for_no_header
    with connected(api.port) as idle, connected(api.port) as half:
        for raw in (idle, half):
            raw.send(HEAD, b"\r\n")
            assert raw.answer().status == 200
        half.send(HEAD)
        assert half.answer().status == 408
        assert idle.is_quiet()
        idle.send(HEAD, b"\r\n")
        assert idle.answer().status == 200


def test_who_does_not_take_the_answer_is_left(waiting_for_nobody: RunningApi) -> None:
    api = waiting_for_nobody
    process = psutil.Process(api.process.pid)
    asking = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(api.port, receive_bytes=4_096) as raw:
        here = raw.socket.getsockname()

        def is_connected() -> bool:
            return any(connection.raddr == here for connection in process.net_connections("tcp"))

        while raw.send(asking) and is_connected():
            pass
    assert api.get("/healthz").status_code == 200


def test_a_body_that_was_answered_already_is_thrown_away_within_bounds(
    waiting_for_nobody: RunningApi,
) -> None:
    api = waiting_for_nobody
    head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    with connected(api.port) as raw:
        raw.send(head % 100_000)
        assert raw.answer().status == 404
        raw.send(b"a" * 100_000, HEAD, b"\r\n")
        assert raw.answer().status == 200, "the connection is as good as before"
        raw.send(head % 100_000)
        assert raw.answer().status == 404
        assert raw.is_ended(), "nothing more came"
    with connected(api.port) as raw:
        raw.send(head % 100_000_000)
        assert raw.answer().status == 404
        sent = 0
        while raw.send(PIECE):
            sent += len(PIECE)
        assert sent < 50_000_000


def test_it_stops_in_time_though_connections_are_held_open(run_api: RunApi) -> None:
    api = run_api(api_shutdown_seconds=5)
    with ExitStack() as stack:
        for beginning in (b"", b"GET ", HEAD, HEAD + b"\r\n", b"BAD\r\n\r\n"):
            stack.enter_context(connected(api.port)).send(beginning)
        api.process.terminate()
        api.process.wait(timeout=60)
    assert not [line for line in api.log.read_text().splitlines() if "exceeded" in line]
