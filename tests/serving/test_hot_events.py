"""The short way of events answers as the whole way does, and stores the same."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from domain.identifiers import event_uuid
from serving.events import hot_route, own_events
from serving.events.hot_route import HotEvents
from tests.examples import examples
from tests.serving.conftest import Gate, Seeds, Start, counts, event, send, token_of

JSON = "application/json"
OWN = "@"
"""Stands in ids for what tells examples, and the two ways, from each other."""
GOOD = {"user_id": "ann", "item_id": "film-1", "kind": "view", "event_id": f"a{OWN}"}
FIELDS: Mapping[str, list[Any]] = {
    "event_id": [f"a{OWN}", f"b{OWN}", f" {OWN}", "", None, 7, "x" * 201],
    "user_id": ["ann", f"new{OWN}", "me", "", " ann", "a\x00", None, 7, "\ud800"],
    "item_id": ["film-1", "film-2", "film-99", "", None],
    "kind": ["view", "rate", "dislike", "addtocart", "impression", "stare", "", None],
    "value": [4, 4.5, -0.0, 0, 11, 1e300, float("nan"), 2**70, "4", True, None],
    "scale": ["1:10", "1:5", "odd", None],
    "occurred_at": [
        *("2026-03-01T12:00:00Z", "2026-03-01T12:00:00", "2026-03-01T14:00:00+02:00"),
        *("2999-01-01T00:00:00Z", "1969-01-01T00:00:00Z", "yesterday", 5, None),
    ],
    "recommendation_id": ["6f1f0e2a-4a3e-4d5c-9a63-1d4f0a7b8c9d", "odd", None],
    "context": [{"device": "phone"}, {}, {"device": 1}, "odd", None],
    "odd": [1],
}
EVENTS = st.one_of(
    st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(values) for name, values in FIELDS.items()}
    ).map(lambda fields: {**GOOD, **fields}),
    st.sampled_from([GOOD, {**GOOD, "kind": "rate", "value": 4}, {}, [], "odd", None, 1]),
)
BODIES = st.one_of(
    st.lists(EVENTS, min_size=1, max_size=3).map(lambda events: json.dumps({"events": events})),
    st.sampled_from(
        [
            *(
                "",
                "{}",
                "[]",
                "null",
                '{"events": []}',
                '{"events": {}}',
                '{"events": [',
                "\ufeff{}",
            ),
            json.dumps({"events": [GOOD], "odd": 1}),
            json.dumps({"events": [GOOD]}).replace("event_id", "user_id"),
            json.dumps({"events": [GOOD], "other": [GOOD]}).replace("other", "events"),
            json.dumps({"events": [GOOD] * 1001}),
            json.dumps({"events": [{**GOOD, "event_id": f"{n}{OWN}"} for n in range(400)]}),
        ]
    ),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-16", "latin-1"])
TARGETS = st.sampled_from(
    [
        *("/v1/events", "/v1/events", "/v1/events", "/v1/events?partial=true"),
        *("/v1/events?create_items=true", "/v1/events?odd=1", "/v1/events?", "/v1/event%73"),
        *("/v1/events/", "/v1/events?partial=%ff"),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("X-Request-ID", "Accept-Encoding", "Cookie", "Origin", "Authorization", "X-API-Key"),
            *("Content-Type", "Content-Type", "Content-Encoding", "Traceparent", "Expect"),
        ]
    ),
    st.sampled_from(
        [
            *("", "an-id", "gzip", "identity", "Bearer odd", "tandem_session=odd", "text/plain"),
            *(JSON, f"{JSON}; charset=utf-8", f"{JSON}; charset=latin-1", "Application/JSON"),
        ]
    ),
    max_size=2,
)
OF_ONE_ANSWER = {"x-process-time", "x-request-id", "content-length", "ratelimit"}
STORED = text(
    "select event_id, user_id, item_no, kind_no, value, strength, scale_no, recommendation_id,"
    " context_no,"
    " case when occurred_at < now() - interval '1 hour' then occurred_at end as occurred_at"
    " from interactions join users using (user_no) where event_id = any(:ids)"
)
through_two_apps = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(80),
)
numbers = count()


class Counted:
    """Tells how many requests went the short way."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        app: Any = client.app  # type: ignore[attr-defined]
        self._hot_events: HotEvents = app.hot_events
        self.answered = 0
        app.hot_events = self

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> Receive | None:
        rest = await self._hot_events.answer(scope, receive, send)
        self.answered += rest is None
        return rest


@pytest.fixture
async def two(start: Start) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """A client of an app with the short way, and one of an app without."""
    short, whole = [
        await start(limit_key_per_minute=100_000, redis_timeout_seconds=5.0) for _ in range(2)
    ]
    whole.app.hot_events = None  # type: ignore[attr-defined]
    return short, whole


def compared(answer: httpx.Response, own: str) -> tuple[int, dict[str, str], Any]:
    """What an answer says, whichever way and example it is of."""
    headers = {name: value for name, value in answer.headers.items() if name not in OF_ONE_ANSWER}
    content = json.loads(answer.text.replace(own, OWN)) if answer.content else None
    if content is not None:
        content.pop("request_id", None)
        made = content.get("event_ids")
        # Events without an id get one.
        content["event_ids"] = made and [each if OWN in each else len(each) for each in made]
        for result in content.get("results") or ():
            result.pop("event_id")
    return answer.status_code, headers, content


def stored(seeds: Seeds, answer: httpx.Response, own: str) -> list[tuple[Any, ...]]:
    """The rows of the events that an answer names."""
    ids = answer.json().get("event_ids", ()) if answer.content else ()
    with seeds.engine.connect() as connection:
        found = connection.execute(STORED, {"ids": [event_uuid(each) for each in ids]}).all()
    by_id = {row.event_id: row for row in found}
    rows = [by_id.get(event_uuid(each)) for each in ids]
    return [() if row is None else (row.user_id.replace(own, OWN), *row[2:]) for row in rows]


@through_two_apps
@given(TARGETS, st.tuples(BODIES, ENCODINGS), HEADERS)
@example("/v1/events", (json.dumps({"events": [GOOD]}), "utf-8"), {})
@example("/v1/events", (json.dumps({"events": [GOOD]}), "utf-8"), {"X-Request-ID": "an-id"})
@example("/v1/events", (json.dumps({"events": [GOOD, {**GOOD, "kind": "like"}]}), "utf-8"), {})
@example("/v1/events", (json.dumps({"events": [GOOD, GOOD]}), "utf-8"), {"Accept-Encoding": "gzip"})
@example("/v1/events", (json.dumps({"events": [{**GOOD, "user_id": "me"}]}), "utf-8"), {})
async def test_both_ways_answer_alike_and_store_the_same(
    two: tuple[httpx.AsyncClient, httpx.AsyncClient],
    seeds: Seeds,
    target: str,
    sent: tuple[str, str],
    headers: dict[str, str],
) -> None:
    found, (body, encoding) = [], sent
    for client in two:
        own = f"-{next(numbers):06}-"
        content = body.replace(OWN, own).encode(encoding, "replace")
        for _ in range(2):
            answer = await client.post(
                target, content=content, headers={"Content-Type": JSON, **headers}
            )
            found.append((compared(answer, own), stored(seeds, answer, own)))
            if headers.get("X-Request-ID") == "an-id":
                assert answer.headers["x-request-id"] == "an-id"
    assert found[:2] == found[2:]


async def test_an_event_of_a_key_goes_the_short_way_and_counts_there(
    start: Start, seeds: Seeds
) -> None:
    client = await start()
    client.headers["X-API-Key"] = seeds.key("write", name="limited", per_minute=6_000)
    short = Counted(client)
    left = []
    for number in range(4):
        answer = await send(client, event("ann", number, event_id=f"e-{number}"))
        assert (answer.status_code, counts(answer)) == (202, (1, 0))
        left.append(int(answer.headers["ratelimit"].split("r=")[1].split(";")[0]))
    # The first leases tokens, so it goes the whole way.
    assert short.answered == 3
    # Tokens come back while it goes on.
    assert left[0] - left[-1] <= 3
    assert seeds.count("interactions") == 4
    client.headers["X-API-Key"] = seeds.key("read", "admin", name="operator")
    figures = (await client.get("/metrics")).text
    of_route = 'serving_requests_total{method="POST",route="/v1/events",status="202"} 4.0'
    assert of_route in figures
    assert 'serving_events_total{outcome="accepted"} 4.0' in figures


async def test_tokens_other_scopes_and_unknown_keys_go_the_whole_way(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    short, sent = Counted(with_tokens), {"events": [event("me", 1)]}
    await send(with_tokens, event("ann", 2))
    await send(with_tokens, event("ann", 3))
    assert short.answered >= 1
    before = short.answered
    for headers, status in (
        (await token_of(with_tokens, "bob"), 202),
        ({"X-API-Key": seeds.key("read", name="reader")}, 403),
        ({"X-API-Key": "odd"}, 401),
    ):
        answer = await with_tokens.post("/v1/events", json=sent, headers=headers)
        assert answer.status_code == status, answer.text
    assert short.answered == before


async def test_a_body_may_come_in_pieces_and_one_that_does_not_come_goes_the_whole_way(
    start: Start, seeds: Seeds
) -> None:
    client = await start(api_body_seconds=0.2)
    await send(client, event("ann", 1))
    short, body = Counted(client), json.dumps({"events": [event("ann", 2)]}).encode()
    assert await _status(client, body, body[:20], body[20:]) == 202
    assert await _status(client, body, body[:20]) == 408
    assert await _status(client, body) == 408
    assert short.answered == 1
    assert await _status(client, body, body) == 202
    assert short.answered == 2
    figures = (await client.get("/metrics", headers={"X-API-Key": seeds.key("admin")})).text
    assert 'serving_bodies_refused_total{reason="too_slow"} 2.0' in figures


async def test_what_the_store_refuses_is_told_the_short_way_too(
    start: Start, seeds: Seeds, gate: Gate
) -> None:
    client = await start(postgres_overflow_connections=0)
    named = event("ann", 1, event_id="e-1")
    for _ in range(2):
        await send(client, named)
    short = Counted(client)
    conflict = await send(client, {**named, "kind": "like"})
    assert (conflict.status_code, short.answered) == (409, 1)
    unknown = await send(client, event("ann", 99))
    assert (unknown.status_code, short.answered) == (422, 2)
    gate.shut()
    away = await send(client, event("ann", 2, event_id="e-2"))
    assert (away.status_code, short.answered) == (503, 3)
    assert away.headers["retry-after"]
    gate.open()
    seeds.engine.dispose()
    assert {row.event_id for row in seeds.write(text("select event_id from interactions"))} == {
        event_uuid("e-1")
    }


async def test_what_fails_while_events_are_checked_is_answered_the_whole_way(
    start: Start, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await start()
    client.headers["X-API-Key"] = seeds.key("write", "admin", name="operator")
    await send(client, event("ann", 1))

    def fail(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(hot_route, "of_app", fail)
    monkeypatch.setattr(own_events, "of_app", fail)
    answer = await send(client, event("ann", 2))
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    figures = (await client.get("/metrics")).text
    assert 'serving_requests_total{method="POST",route="/v1/events",status="500"} 1.0' in figures


async def _status(client: httpx.AsyncClient, body: bytes, *pieces: bytes) -> int:
    """Of the answer to a body of which these pieces come, one after the other, and no more."""
    app: Any = client._transport
    whole: Callable[[Scope, Receive, Send], Awaitable[None]] = app.app
    came, left = list(pieces), len(body)
    statuses: list[int] = []

    async def receive() -> Any:
        nonlocal left
        if not came:
            await asyncio.Event().wait()
        piece = came.pop(0)
        left -= len(piece)
        return {"type": "http.request", "body": piece, "more_body": left > 0}

    async def note(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/events",
        "raw_path": b"/v1/events",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [
            (b"host", b"tandem"),
            (b"content-type", JSON.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-api-key", client.headers["X-API-Key"].encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("tandem", 80),
    }
    await whole(scope, receive, note)
    return statuses[0]
