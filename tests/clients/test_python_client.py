"""The Python client, against the running service."""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_client import (
    AsyncTandem,
    FaultyInputError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    Tandem,
    TandemError,
    UnauthenticatedError,
    UnavailableError,
)
from tandem_client.call import Call, wait_before_retry, with_event_ids
from tandem_client.errors import error_of

from tests import client_code
from tests.serving.conftest import Seeds, seeds, signing_keys_file
from tests.serving.process import RunApi, run_api
from tests.test_architecture import imports_of

__all__ = ["run_api", "seeds", "signing_keys_file"]

FILES = sorted(client_code.FOLDER.glob("*.py"))


def test_what_is_made_of_the_description_is_up_to_date() -> None:
    for name, made in client_code.made().items():
        assert (client_code.FOLDER / name).read_text(encoding="utf-8") == made, (
            "run: .venv/bin/python -m tests.client_code"
        )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_client_needs_httpx_and_nothing_else(path: Path) -> None:
    assert set(imports_of(path)) - set(sys.stdlib_module_names) <= {"httpx", "tandem_client"}


class Lossy(httpx.HTTPTransport):
    """The network: of the answers it brings, the first are lost."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost
        self.sent: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.sent.append(request)
        if len(self.sent) <= self.lost:
            response.read()
            response.close()
            raise httpx.ReadError("lost", request=request)
        return response


class AsyncLossy(httpx.AsyncHTTPTransport):
    """The same, to be awaited."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        self.sent.append(request)
        if len(self.sent) <= self.lost:
            await response.aread()
            await response.aclose()
            raise httpx.ReadError("lost", request=request)
        return response


@pytest.fixture
def address(run_api: RunApi, seeds: Seeds, signing_keys_file: Path) -> str:
    seeds.listed_user("ann", popular=range(5))
    return f"http://127.0.0.1:{run_api(signing_keys_file=signing_keys_file).port}"


def test_lists_events_pages_and_problems_with_a_key(address: str, seeds: Seeds) -> None:
    key = seeds.key("read", "write", "users", name="app")
    events = [
        {"user_id": "ann", "item_id": f"film-{film}", "kind": "view"} for film in range(10, 15)
    ]
    network = Lossy(lost=2)
    with Tandem(address, key=key, transport=network) as tandem:
        recorded = tandem.record_events({"events": events})  # type: ignore[typeddict-item]
        # The first time it was stored, and the answer was lost.
        assert (recorded["accepted"], recorded["duplicates"]) == (0, 5)
        assert len({request.content for request in network.sent}) == 1
        assert len(network.sent) == 3
        listed = tandem.recommend("ann", limit=3, exclude_category=["a", "b"], explain=True)
        assert len(listed["items"]) == 3
        assert "exclude_category=a&exclude_category=b" in str(network.sent[-1].url)
        stored = tandem.store_item("a/b ü", {"title": "Slashed"})
        assert (stored["item_id"], tandem.find_item("a/b ü")["title"]) == ("a/b ü", "Slashed")
        seen = [event["item_id"] for event in tandem.each(tandem.history, "ann", limit=2)]
        assert sorted(seen) == [event["item_id"] for event in events]
        with pytest.raises(NotFoundError) as missing:
            tandem.find_item("nowhere")
        assert missing.value.status == 404
        assert missing.value.type == "urn:tandem:problem:unknown-item"
        assert missing.value.request_id
        with pytest.raises(FaultyInputError) as faulty:
            tandem.popular(limit=1000)
        assert [fault["pointer"] for fault in faulty.value.errors] == ["query:limit"]
        with pytest.raises(ForbiddenError):
            tandem.diagnose()
        assert tandem.healthz()["status"] == "alive"
        assert "serving_requests_total" in tandem.metrics()
    with Tandem(address, key="tdm_no-key") as nobody, pytest.raises(UnauthenticatedError):
        nobody.popular()


async def test_the_same_to_be_awaited_with_tokens_that_are_renewed_once(
    address: str, seeds: Seeds
) -> None:
    asked: list[str] = []
    with Tandem(address, key=seeds.key("token", name="backend")) as backend:

        async def get_token() -> str:
            asked.append("asked")
            await asyncio.sleep(0)
            if len(asked) == 1:
                return "stale.token.here"
            return backend.create_token({"user_id": "ann"})["token"]

        network = AsyncLossy(lost=0)
        async with AsyncTandem(address, get_token=get_token, transport=network) as tandem:
            lists = await asyncio.gather(*(tandem.recommend("me", limit=2) for _ in range(5)))
            assert {each["user_id"] for each in lists} == {"ann"}
            assert len(asked) == 2
            network.lost = len(network.sent) + 1
            body = {"events": [{"user_id": "me", "item_id": "film-9", "kind": "like"}]}
            recorded = await tandem.record_events(body)  # type: ignore[arg-type]
            assert (recorded["accepted"], recorded["duplicates"]) == (0, 1)
            seen = [event["item_id"] async for event in tandem.each(tandem.history, "me")]
            assert seen == ["film-9"]
            with pytest.raises(ForbiddenError):
                await tandem.recommend("bob")
        with Tandem(
            address, get_token=lambda: backend.create_token({"user_id": "bob"})["token"]
        ) as bob:
            assert bob.recommend("me")["user_id"] == "bob"


def problem(status: int, **headers: str) -> TandemError:
    return error_of(httpx.Response(status, json={"detail": "no"}, headers=headers))


SAFE, ONCE = Call("GET", "/", repeatable=True), Call("POST", "/")


@pytest.mark.parametrize(
    ("call", "failure", "again"),
    [
        (SAFE, problem(503), True),
        (SAFE, problem(429), True),
        (SAFE, httpx.ReadTimeout("late"), True),
        (SAFE, problem(500), False),
        (SAFE, problem(422), False),
        (SAFE, ValueError("of the caller"), False),
        (ONCE, problem(429), True),
        (ONCE, httpx.ConnectError("never sent"), True),
        (ONCE, problem(503), False),
        (ONCE, httpx.ReadTimeout("perhaps done"), False),
    ],
)
def test_what_may_have_happened_is_sent_again_only_where_it_counts_once(
    call: Call, failure: Exception, *, again: bool
) -> None:
    assert (wait_before_retry(call, failure, 1, 4) is not None) == again
    assert wait_before_retry(call, failure, 5, 4) is None


@given(st.integers(1, 9), st.floats(0, 30))
def test_a_wait_is_at_least_what_the_server_asks_for_and_bounded(
    failures: int, asked: float
) -> None:
    wait = wait_before_retry(SAFE, problem(429, **{"Retry-After": str(asked)}), failures, 9)
    assert wait is not None
    assert max(asked, 0.1) <= wait <= 60


def test_an_answer_that_is_no_problem_document_is_one_nevertheless() -> None:
    error = error_of(httpx.Response(502, text="<h1>Bad gateway</h1>"))
    assert (error.status, error.detail, error.errors) == (502, "<h1>Bad gateway</h1>", [])
    assert isinstance(problem(429), RateLimitedError)
    assert isinstance(problem(503), UnavailableError)


def test_events_keep_the_ids_they_have() -> None:
    events = [{"event_id": "mine"}, {"event_id": None}, {}]
    made = with_event_ids(Call("POST", "/v1/events", body={"events": events})).body["events"]
    assert made[0]["event_id"] == "mine"
    assert len({event["event_id"] for event in made}) == 3
    assert events[1:] == [{"event_id": None}, {}], "what the caller has stays as it is"
