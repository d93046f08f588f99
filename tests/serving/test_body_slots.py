"""Who has no right to write takes nothing from those who have, and no key takes all."""

import asyncio
from contextlib import ExitStack

import pytest

from tests.serving.conftest import Seeds, Start, event, send
from tests.serving.process import RunApi, run_api
from tests.serving.raw import Raw, asked, connected

__all__ = ["run_api"]

SLOW = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nX-API-Key: "


@pytest.mark.parametrize(("scopes", "status"), [((), 401), (("read",), 403)])
def test_a_key_that_may_not_is_refused_before_its_body_has_come(
    run_api: RunApi, seeds: Seeds, scopes: tuple[str, ...], status: int
) -> None:
    api = run_api(api_bodies_at_once=2)
    bad = seeds.key(*scopes) if scopes else "tdm_" + "a" * 43
    good = seeds.key("write", name="writer").encode()
    slow = [Raw(api.port) for _ in range(10)]
    for raw in slow:
        raw.send(SLOW, bad.encode(), b"\r\n\r\n{")
        answer = raw.answer()
        assert answer.status == answer.problem["status"] == status
    body = b'{"events": [{"user_id": "ann", "item_id": "film-1", "kind": "view"}]}'
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    rest_of_head = b"Content-Length: %d\r\nX-API-Key:  %b \t\r\n\r\n" % (len(body), good)
    assert asked(api.port, head, rest_of_head, body).status == 202
    for raw in slow:
        raw.socket.close()


def test_no_key_has_more_than_half_of_the_slots(run_api: RunApi, seeds: Seeds) -> None:
    api = run_api(api_bodies_at_once=4, api_body_seconds=600)
    keys = [seeds.key("write", name=name).encode() for name in ("one", "other")]
    with connected(api.port) as a, connected(api.port) as b:
        for raw in (a, b):
            raw.send(SLOW, keys[0], b"\r\nExpect: 100-continue\r\n\r\n")
            # It is asked to go on, so it has its slot.
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 100")
        assert asked(api.port, SLOW, keys[0], b"\r\n\r\n").status == 429
        with connected(api.port) as c:
            c.send(SLOW, keys[1], b"\r\nExpect: 100-continue\r\n\r\n")
            assert c.socket.recv(100).startswith(b"HTTP/1.1 100")
    figures = api.figures()
    refused = 'serving_bodies_refused_total{process="0",reason="too_many_of_key"}'
    assert figures[refused] == 1


def test_those_who_are_nobody_share_half_of_the_slots_and_an_address_has_an_eighth(
    run_api: RunApi, seeds: Seeds
) -> None:
    api = run_api(api_bodies_at_once=8, api_body_seconds=600, trusted_proxies="127.0.0.1")

    def nobody(address: int, *more: bytes) -> bytes:
        head = b"POST /v1/auth/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        return head + b"X-Forwarded-For: 192.0.2.%d\r\n" % address + b"".join(more) + b"\r\n"

    with ExitStack() as stack:
        for address in range(4):
            raw = stack.enter_context(connected(api.port))
            raw.send(nobody(address, b"Expect: 100-continue\r\n"))
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 100")
            if address == 0:
                assert asked(api.port, nobody(0)).status == 429, "one address, one of eight"
        assert asked(api.port, nobody(4)).status == 429, "four of eight for all of them"
        writer = stack.enter_context(connected(api.port))
        key = seeds.key("write", name="writer").encode()
        writer.send(SLOW, key, b"\r\nExpect: 100-continue\r\n\r\n")
        assert writer.socket.recv(100).startswith(b"HTTP/1.1 100")


async def test_requests_beyond_those_under_way_are_told_to_come_again_and_probes_are_not(
    start: Start,
) -> None:
    client = await start(
        api_requests_at_once=1, postgres_connections=1, postgres_overflow_connections=0
    )
    answers = await asyncio.gather(
        *(client.get("/v1/users/ann/recommendations") for _ in range(20)),
        *(client.get("/healthz") for _ in range(20)),
        send(client, event("ann", 1)),
    )
    lists, probes, sent = answers[:20], answers[20:40], answers[40]
    assert {answer.status_code for answer in lists} == {200, 503}
    for shed in lists:
        if shed.status_code == 503:
            assert shed.headers["retry-after"] == "1"
            assert shed.json()["type"] == "urn:tandem:problem:busy"
    assert {answer.status_code for answer in probes} == {200}
    assert sent.status_code == 202
    output = (await client.get("/metrics")).text
    shed_count = sum(answer.status_code == 503 for answer in lists)
    assert f'serving_requests_shed_total{{reason="too_many"}} {shed_count}.0' in output
    assert (await client.get("/v1/users/ann/recommendations")).status_code == 200
