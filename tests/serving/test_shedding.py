"""Who is not let in is told so at once, and who is let in does not wait long."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serving.http import shedding
from serving.http.shedding import RequestSlots
from tests.examples import examples
from tests.serving.conftest import Seeds, Start, recommended

PATH = "/v1/users/ann/recommendations"
MOST, FEW = 64, 16
OF_ONE_ANSWER = {"x-process-time", "x-request-id", "ratelimit", "ratelimit-policy"}
"""A list is looked for in the cache, and counted, by a key that its process knows already."""
TARGETS = st.sampled_from(
    [
        *(
            PATH,
            "/v1/users/%61nn/recommendations",
            "/v1/users/a%2Fb/recommendations",
            "/v1/popular",
        ),
        *(f"{PATH}?use_cache=false", f"{PATH}?odd=%ff", "/v1/users/%ff", "/v1/us%65rs/ann", "/v1/"),
        *("/v1", "/v1/nowhere", "/%76%31/popular", "/healthz", "/nowhere", "/v1%2Fpopular"),
        *(f"/v1/items/{'x' * 300}", "/v1/search?q=caf%C3%A9"),
    ]
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("X-Request-ID", "Accept-Encoding", "Cookie", "Origin", "Authorization", "X-API-Key"),
            "Traceparent",
        ]
    ),
    st.sampled_from(["*", "gzip", "", "an-id", "Bearer odd", "https://shop.example"]),
    max_size=2,
)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


def fill(slots: RequestSlots, most: int = 1_000) -> tuple[ExitStack, int]:
    """Takes slots while there is room; gives back what frees them, and how many they are."""
    stack, count = ExitStack(), 0
    while count < most and not slots.full():
        stack.enter_context(slots.taken())
        count += 1
    return stack, count


@given(st.integers(1, 200))
def test_no_more_than_the_most_are_let_in_at_once(most: int) -> None:
    slots = RequestSlots(most)
    stack, count = fill(slots)
    assert (count, slots.full()) == (most, True)
    stack.close()
    assert not slots.full()


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_beyond_a_few_one_more_is_let_in_while_half_came_a_moment_ago(
    earlier: int, later: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(shedding, "time", clock)
        slots = RequestSlots(MOST)
        old_ones, old = fill(slots, earlier)
        clock.now += 1.0
        young_ones, young = fill(slots, later)
        assert slots.full() == (
            old + young >= MOST or (old + young >= FEW and old > (old + young) // 2)
        )
        # Whatever is slow, a few are let in.
        assert old + young >= min(FEW, earlier + later)
        old_ones.close()
        young_ones.close()


def test_who_ends_makes_room_for_others() -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(shedding, "time", clock)
        slots = RequestSlots(MOST)
        oldest, _ = fill(slots, FEW)
        clock.now += 1.0
        assert slots.full()
        oldest.close()
        younger, count = fill(slots)
        assert count == MOST
        younger.close()


@pytest.fixture
async def two(start: Start, seeds: Seeds) -> AsyncIterator[tuple[httpx.AsyncClient, ...]]:
    """A client of an app that refuses at once, and one of an app that does not; both are full."""
    seeds.listed_user("ann")
    clients = [await start(limit_key_per_minute=100_000) for _ in range(2)]
    with ExitStack() as stack:
        for client in clients:
            stack.enter_context(all_taken(client))
        clients[1].app.early_refusals = None  # type: ignore[attr-defined]
        yield tuple(clients)


@contextmanager
def all_taken(client: httpx.AsyncClient) -> Iterator[None]:
    """No more requests without a body are let in."""
    app: Any = client.app  # type: ignore[attr-defined]
    stack, _ = fill(app.early_refusals.slots)
    with stack:
        yield


def compared(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in OF_ONE_ANSWER}
    said = answer.json() if answer.content and answer.status_code >= 400 else answer.content
    if isinstance(said, dict):
        del said["request_id"]
    return answer.status_code, headers, said


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(80),
)
@given(st.sampled_from(["GET", "GET", "GET", "HEAD", "DELETE"]), TARGETS, HEADERS)
@example("GET", PATH, {"X-Request-ID": "an-id"})
@example("GET", PATH, {"X-API-Key": "wrong"})
@example("GET", f"{PATH}?odd=%ff", {})
@example("GET", "/v1/users/%ff", {})
@example("GET", "/healthz", {})
async def test_a_refusal_is_the_same_at_once_as_the_whole_way(
    two: tuple[httpx.AsyncClient, ...], method: str, target: str, headers: dict[str, str]
) -> None:
    early, whole = [await client.request(method, target, headers=headers) for client in two]
    assert compared(early) == compared(whole)
    if headers.get("X-Request-ID") == "an-id":
        assert early.headers["x-request-id"] == "an-id"


async def test_a_refusal_is_counted_as_a_request_and_as_shed_whichever_way(
    two: tuple[httpx.AsyncClient, ...],
) -> None:
    for client in two:
        for _ in range(3):
            answer = await client.get(PATH)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        figures = (await client.get("/metrics")).text
        assert 'serving_requests_shed_total{reason="too_many"} 3.0' in figures
        assert 'serving_requests_total{method="GET",route="unmatched",status="503"} 3.0' in figures


async def test_a_cached_list_is_given_though_no_others_are_let_in(
    start: Start, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    client = await start(redis_timeout_seconds=5.0)
    await recommended(client, "ann")
    with all_taken(client):
        kept = await recommended(client, "ann")
        made = await client.get(PATH, params={"use_cache": False})
    assert (kept.json()["source"], made.status_code) == ("cache", 503)
    assert (await client.get(PATH, params={"use_cache": False})).status_code == 200
