"""GET /v1/users/{user_id}/history."""

import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInputError
from serving.users.history import Cursor
from tests.serving.conftest import Seeds, event, faults, pages, send, token_of

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = [(FIRST + timedelta(hours=n // 2)).isoformat() for n in range(7)]
"""Some events are of the same instant."""


async def sent(client: httpx.AsyncClient) -> None:
    events = [
        event("ann", n, event_id=f"e-{n}", occurred_at=moment) for n, moment in enumerate(MOMENTS)
    ]
    assert (await send(client, *events, event("bob", 20))).status_code == 202


async def test_a_history_is_read_page_by_page_newest_first(client: httpx.AsyncClient) -> None:
    await sent(client)
    for limit in (1, 2, 3, 7, 100):
        read = await pages(client, "/v1/users/ann/history", limit=limit)
        assert all(len(page["events"]) <= limit for page in read)
        found = [event for page in read for event in page["events"]]
        assert [each["item_id"] for each in found] == [f"film-{n}" for n in range(6, -1, -1)]
    assert found[0]["title"]
    assert (found[0]["kind"], found[0]["value"]) == ("view", None)
    assert datetime.fromisoformat(found[-1]["occurred_at"]) == FIRST


async def test_deleted_events_are_none_of_it_and_nobody_has_none(
    client: httpx.AsyncClient,
) -> None:
    await sent(client)
    assert (await client.delete("/v1/events/e-6")).json()["deleted"]
    newest = (await client.get("/v1/users/ann/history?limit=1")).json()["events"]
    assert newest[0]["item_id"] == "film-5"
    assert (await client.delete("/v1/users/ann")).status_code == 200
    for user in ("ann", "nobody"):
        answer = (await client.get(f"/v1/users/{user}/history")).json()
        assert (answer["events"], answer["next"]) == ([], None)


async def test_a_user_reads_the_own_history_and_no_other(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    await sent(with_tokens)
    token = await token_of(with_tokens, "bob")
    own = await with_tokens.get("/v1/users/me/history", headers=token)
    assert (own.json()["user_id"], len(own.json()["events"])) == ("bob", 1)
    assert (await with_tokens.get("/v1/users/ann/history", headers=token)).status_code == 403
    with_tokens.headers["X-API-Key"] = seeds.key("read", "write", name="no backend")
    assert (await with_tokens.get("/v1/users/bob/history")).status_code == 403


async def test_a_cursor_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    strange = base64.urlsafe_b64encode(b"1:2:3").decode()
    for cursor in ("x", "", "AAAA", "!!!!", strange, "é", "9" * 101):
        answer = await client.get("/v1/users/ann/history", params={"cursor": cursor})
        assert answer.status_code == 422, cursor
        assert "query:cursor" in faults(answer)
    for limit in ("0", "1001"):
        assert (await client.get(f"/v1/users/ann/history?limit={limit}")).status_code == 422


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 2**63 - 1),
)
def test_a_cursor_is_read_as_it_was_written(occurred_at: datetime, position: int) -> None:
    cursor = Cursor(occurred_at, position)
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text(max_size=40))
def test_any_other_text_is_a_cursor_or_is_refused(text: str) -> None:
    try:
        Cursor.decode(text)
    except InvalidInputError:
        return


def test_a_position_out_of_reach_is_refused() -> None:
    cursor = base64.urlsafe_b64encode(f"1:{2**63}".encode()).decode().rstrip("=")
    with pytest.raises(InvalidInputError):
        Cursor.decode(cursor)
