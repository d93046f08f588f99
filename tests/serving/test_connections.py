"""What a connection may do to the server, with no key and no request that any client sends."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from sql.engine import make_engine
from sql.role_names import APP
from stack.local.servers.postgres import PostgresServer
from tests.conftest import cloned_database
from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, RunningApi, run_api, running_api
from tests.serving.raw import asked, connected
from tests.waiting import wait_until

__all__ = ["run_api"]

HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
PIECE = b"a" * 65_536


Shared = tuple[RunningApi, bytes]
"""A server, and a key for everything."""


@contextmanager
def _shared_api(
    postgres: PostgresServer, redis_url: str, folder: Path, **settings: object
) -> Iterator[Shared]:
    with cloned_database(postgres) as name:
        engine = make_engine(postgres.url(name))
        key = Seeds(engine, []).key("read", "write")
        engine.dispose()
        url = postgres.url(name, APP)
        with running_api(url, redis_url, folder / "api.log", **settings) as api:
            yield api, key.encode()


@pytest.fixture(scope="module")
def shared(
    postgres: PostgresServer, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    """One server for all that leaves nothing behind."""
    # To count an address asks Redis; meanwhile a client that has hung up is not waited for.
    folder = tmp_path_factory.mktemp("shared")
    with _shared_api(postgres, redis_server_url, folder, limit_address_per_minute=0) as shared:
        yield shared


@pytest.fixture
def one_api(shared: Shared) -> RunningApi:
    return shared[0]


@pytest.fixture(scope="module")
def waiting_for_no_header(
    postgres: PostgresServer, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    folder = tmp_path_factory.mktemp("headers")
    with _shared_api(postgres, redis_server_url, folder, api_header_seconds=0.5) as (api, _):
        yield api


@pytest.fixture(scope="module")
def waiting_for_nobody(
    postgres: PostgresServer, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningApi]:
    """It waits neither for who is to take an answer nor for a body."""
    settings = {"api_send_seconds": 0.5, "api_body_bytes": 200_000, "api_body_seconds": 0.5}
    folder = tmp_path_factory.mktemp("bodies")
    with _shared_api(postgres, redis_server_url, folder, **settings) as (api, _):
        yield api


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (431, [HEAD, b"X-A: ", PIECE * 2]),
        (431, [HEAD, b"X-A: %b\r\n\r\n" % PIECE]),
        (431, [HEAD, b"X-A: ", b"a" * 60_000, b"\r\nX-B: ", b"b" * 6_000, b"\r\n\r\n"]),
        (431, [HEAD, *(b"X-%d: a\r\n" % n for n in range(100)), b"\r\n"]),
        (431, [HEAD, b"a" * 70_000]),
        (431, [b"\r\n" * 40_000]),
        (414, [b"GET /", PIECE, b" HTTP/1.1\r\nHost: x\r\n\r\n"]),
        (414, [b"GET /?", PIECE * 2]),
        (400, [b"FOO /\r\n\r\n"]),
        (400, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]),
        (400, [b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"]),
        (400, [b"GET / HTTP/9.9\r\nHost: x\r\n\r\n"]),
        (400, [b"GET healthz HTTP/1.1\r\nHost: x\r\n\r\n"]),
        (505, [b"GET /healthz\r\n\r\n"]),
        (505, [b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n"]),
        (501, [HEAD, b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"]),
        (400, [HEAD, b"Content-Length: -1\r\n\r\n"]),
        (400, [HEAD, b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"]),
        (400, [HEAD, b"no colon\r\n\r\n"]),
        (400, [b"GET /healthz HTTP/1.1\r\n\r\n"]),
        (400, [HEAD, b"Host: y\r\n\r\n"]),
        (400, [b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n"]),
        (400, [b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n"]),
    ],
)
def test_what_the_server_refuses_is_a_problem_that_is_counted_and_logged(
    one_api: RunningApi, status: int, parts: list[bytes]
) -> None:
    def counted() -> float:
        figures = one_api.figures()
        return sum(n for name, n in figures.items() if _is_refusal(name, status))

    before = counted()
    answer = asked(one_api.port, *parts)
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    request_id = answer.problem["request_id"]
    assert counted() == before + 1
    logged = [line for line in one_api.lines("request") if line.get("request_id") == request_id]
    assert [(line["status"], line["route"]) for line in logged] == [(status, "unmatched")]


def _is_refusal(name: str, status: int) -> bool:
    return name.startswith("serving_requests_total") and all(
        label in name for label in (f'status="{status}"', 'route="unmatched"')
    )


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD, b"X-A: ", b"a" * 60_000, b"\r\n\r\n"],
        [HEAD, *(b"X-%d: a\r\n" % n for n in range(99)), b"\r\n"],
        [b"GET http://x/healthz HTTP/1.1\r\nHost: x:8000\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n"],
        [b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n"],
        [b"GET /healthz HTTP/1.0\r\n\r\n"],
        [b"\r\n\r\n", HEAD, b"\r\n"],
        [HEAD, b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n"],
        [HEAD, b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
        [HEAD, b"Transfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nX-Trailer: a\r\n\r\n"],
    ],
)
def test_what_stays_within_the_limits_is_answered(one_api: RunningApi, parts: list[bytes]) -> None:
    assert asked(one_api.port, *parts).status == 200


def test_a_long_path_within_the_limits_is_looked_for(one_api: RunningApi) -> None:
    answer = asked(one_api.port, b"GET /", b"a" * 32_000, b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.status == 404


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (b"Content-Length: 14", b'{"events": []}'),
        (b"Transfer-Encoding: chunked", b'9\r\n{"events"\r\n5\r\n: []}\r\n0\r\nX-A: a\r\n\r\n'),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_body_is_read_though_its_request_offers_another_protocol(
    shared: Shared, length: bytes, body: bytes, pieces: int
) -> None:
    api, key = shared
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n"
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: "
    sent = head + key + b"\r\n" + offer + length + b"\r\n\r\n" + body + HEAD + b"\r\n"
    with connected(api.port) as raw:
        size = len(sent) // pieces + 1
        for start in range(0, len(sent), size):
            raw.send(sent[start : start + size])
        answer = raw.answer()
        assert (answer.status, answer.problem["errors"][0]["pointer"]) == (422, "/events")
        assert raw.answer().status == 200, "what follows the body is the next request"


def test_what_was_asked_in_full_is_answered_to_a_client_that_says_no_more(
    shared: Shared,
) -> None:
    api, key = shared
    asking = b"GET /v1/popular HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + b"\r\n\r\n"
    for parts, statuses in (([asking], [200]), ([HEAD, b"\r\n", asking], [200, 200])):
        with connected(api.port) as raw:
            raw.send(*parts)
            raw.socket.shutdown(socket.SHUT_WR)
            assert [raw.answer().status for _ in statuses] == statuses
            assert raw.is_ended()
    with connected(api.port) as raw:
        raw.send(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.answer().status == 401, "it needed no body for that"
        assert raw.is_ended()


def test_the_request_id_of_a_refused_request_is_the_callers(one_api: RunningApi) -> None:
    answer = asked(one_api.port, HEAD, b"X-Request-ID: mine\r\nX-A: ", PIECE * 2)
    assert answer.problem["request_id"] == "mine"
    assert answer.problem["instance"] == "/healthz"


def test_a_refusal_says_nothing_of_the_request_before_it(one_api: RunningApi) -> None:
    with connected(one_api.port) as raw:
        raw.send(HEAD, b"X-Request-ID: first\r\n\r\n")
        assert raw.answer().headers["x-request-id"] == "first"
        raw.send(b"\x00\x01\x02")
        answer = raw.answer()
    assert answer.status == 400
    assert answer.problem["request_id"] != "first"
    assert answer.problem["instance"] == ""


def test_an_endless_header_costs_neither_memory_nor_others_their_answers(
    one_api: RunningApi,
) -> None:
    process = psutil.Process(one_api.process.pid)
    before = process.memory_info().rss
    with ExitStack() as stack:
        raws = [stack.enter_context(connected(one_api.port)) for _ in range(20)]
        for raw in raws:
            raw.send(HEAD, b"X-A: ")
        for _ in range(400):
            open_still = [raw for raw in raws if raw.send(PIECE)]
            raws = open_still
            if not raws:
                break
        assert not raws, "some took 25 MB of header"
    assert one_api.get("/healthz").status_code == 200
    assert process.memory_info().rss - before < 30_000_000


@pytest.mark.parametrize("beginning", [b"0\r\nX-A: ", b"1;x="])
def test_what_stands_around_a_body_is_bounded_too(one_api: RunningApi, beginning: bytes) -> None:
    with connected(one_api.port) as raw:
        raw.send(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert raw.answer().status == 404
        raw.send(beginning)
        for _ in range(200):
            if not raw.send(PIECE):
                break
        else:
            pytest.fail("13 MB that belong to no body were taken")


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


def test_pipelined_requests_are_answered_in_order_and_not_without_end(run_api: RunApi) -> None:
    api = run_api(api_header_seconds=1)
    with connected(api.port) as raw:
        raw.send(*(HEAD + b"X-Request-ID: n%d\r\n\r\n" % n for n in range(20)), b"BAD\r\n\r\n")
        request_ids = [raw.answer().headers["x-request-id"] for _ in range(20)]
        assert request_ids == [f"n{n}" for n in range(20)]
        assert raw.answer().status == 400
        assert raw.is_ended()
    with connected(api.port) as raw:
        raw.send((HEAD + b"\r\n") * 2_000)
        statuses = [raw.answer().status]
        while statuses[-1] == 200:
            statuses.append(raw.answer().status)
        assert statuses[-1] == 503
        assert len(statuses) < 2_000
    with connected(api.port) as raw:
        raw.send(HEAD, b"\r\n", HEAD)
        assert [raw.answer().status, raw.answer().status] == [200, 408]


def test_beyond_the_limit_of_connections_probes_are_answered_and_others_told_to_come_again(
    run_api: RunApi, seeds: Seeds
) -> None:
    api, key = run_api(api_connections=20), seeds.key("read").encode()
    wanted = b"GET /v1/popular HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + b"\r\n\r\n"
    assert asked(api.port, wanted).status != 503
    with ExitStack() as stack:
        for _ in range(20):
            raw = stack.enter_context(connected(api.port))
            raw.send(HEAD, b"\r\n")
            assert raw.answer().status == 200
        refused = asked(api.port, wanted)
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["connection"] == "close"
        assert asked(api.port, HEAD, b"\r\n").status == 200
        # The few beyond the limit are not for keeping either, and then there is an end.
        spare = [stack.enter_context(connected(api.port)) for _ in range(60)]
        assert all(raw.is_ended() for raw in spare)
    wait_until(lambda: asked(api.port, wanted).status != 503)


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
