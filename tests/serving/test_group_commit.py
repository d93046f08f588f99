"""Events of requests that come at once: written together, and none harms another."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.exclusions.redis_exclusions import ExclusionNotifier, decode_change
from tests.serving.conftest import Seeds, Start, counts, event, ids, recommended, send, until
from tests.serving.process import RunApi, run_api
from tests.waiting import statements_waiting

__all__ = ["run_api"]

Sending = list["asyncio.Task[httpx.Response]"]


_PATIENT = {"write_budget_seconds": 120.0}
"""Requests wait here until others do."""


@pytest.fixture
async def client(start: Start) -> httpx.AsyncClient:
    return await start(**_PATIENT)


@asynccontextmanager
async def receipts_locked(engine: Engine) -> AsyncIterator[None]:
    """Whoever writes events has to wait."""
    with engine.connect() as connection:
        connection.execute(text("lock table event_receipts in access exclusive mode"))
        yield
        connection.rollback()


async def begin(
    client: httpx.AsyncClient, engine: Engine, *batches: Sequence[dict[str, Any]]
) -> Sending:
    """Send batches of which the first is being written and the others wait, in their order."""
    sending = [asyncio.create_task(send(client, *batches[0]))]
    await until(lambda: _holds(statements_waiting(engine) >= 1))
    for number, batch in enumerate(batches[1:], start=1):
        sending.append(asyncio.create_task(send(client, *batch)))
        await until_waiting(client, number)
    return sending


async def until_waiting(client: httpx.AsyncClient, requests: int) -> None:
    async def reached() -> bool:
        lines = (await client.get("/metrics")).text.splitlines()
        # A server says of which of its processes it is.
        (line,) = (line for line in lines if line.startswith("serving_events_waiting"))
        return float(line.split()[-1]) == requests

    await until(reached)


async def _holds(condition: bool) -> bool:  # noqa: FBT001 -- what `until` asks is awaited
    return condition


def transactions(engine: Engine) -> int:
    """By how many transactions the log was written."""
    with engine.connect() as connection:
        query = text("select count(distinct xmin::text) from interactions")
        return int(connection.execute(query).scalar_one())


async def test_requests_that_wait_are_written_by_one_transaction(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    batches = [[event(f"user-{n}", n), event(f"user-{n}", n + 1)] for n in range(12)]
    async with receipts_locked(engine):
        sending = await begin(client, engine, *batches)
    answers = await asyncio.gather(*sending)
    assert [counts(answer) for answer in answers] == [(2, 0)] * 12
    assert (seeds.count("interactions"), transactions(engine)) == (24, 2)


async def test_after_its_answer_no_list_has_what_a_request_of_a_group_was_about(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    seeds.run(popular={"": [(no, 30.0 - n) for n, no in enumerate(seeds.film_nos)]})
    users = [f"user-{n}" for n in range(4)]
    for user in users:
        await send(client, event(user, 9))
        assert ids(await recommended(client, user, limit=3)) == ["film-0", "film-1", "film-2"]

    async def seen(user: str, film: int) -> list[str]:
        assert counts(await send(client, event(user, film))) == (1, 0)
        return ids(await recommended(client, user, limit=3))

    async with receipts_locked(engine):
        asking = [asyncio.create_task(seen(user, n % 3)) for n, user in enumerate(users)]
        await until_waiting(client, 3)
    lists = await asyncio.gather(*asking)
    assert all(f"film-{n % 3}" not in shown for n, shown in enumerate(lists))


async def test_of_an_event_that_comes_twice_at_once_one_counts(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    twice = [event("ann", 1, event_id="once")]
    async with receipts_locked(engine):
        sending = await begin(client, engine, [event("bob", 1)], twice, twice, twice)
    answers = await asyncio.gather(*sending)
    assert [counts(answer) for answer in answers] == [(1, 0), (1, 0), (0, 1), (0, 1)]
    assert seeds.count("interactions") == 2


async def test_of_an_event_that_comes_to_two_processes_at_once_one_counts(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    first, second = await start(**_PATIENT), await start(**_PATIENT)
    batches = [[event("ann", n, event_id=f"once-{n}")] for n in range(8)]
    async with receipts_locked(engine):
        sending = await begin(first, engine, *batches)
        sending += [asyncio.create_task(send(second, *batch)) for batch in reversed(batches)]
        await until(lambda: _holds(statements_waiting(engine) >= 2))
    answers = await asyncio.gather(*sending)
    assert sum((Counter([counts(answer)]) for answer in answers), Counter()) == {
        (1, 0): 8,
        (0, 1): 8,
    }
    assert seeds.count("interactions") == 8


async def test_an_event_that_conflicts_is_refused_and_its_neighbours_are_recorded(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    await send(client, event("ann", 1, event_id="taken"))
    poison = [event("ann", 3), event("ann", 2, event_id="taken")]
    async with receipts_locked(engine):
        sending = await begin(
            client, engine, [event("bob", 1)], [event("cem", 1)], poison, [event("dee", 1)]
        )
    answers = await asyncio.gather(*sending)
    assert [answer.status_code for answer in answers] == [202, 202, 409, 202]
    (fault,) = answers[2].json()["errors"]
    assert fault["pointer"] == "/events/1/event_id"
    assert seeds.count("interactions") == 4, "nothing of the batch that conflicts"


async def test_of_two_requests_at_once_that_conflict_the_second_is_refused(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    async with receipts_locked(engine):
        sending = await begin(
            client,
            engine,
            [event("bob", 1)],
            [event("ann", 1, event_id="same")],
            [event("ann", 2, event_id="same")],
        )
    answers = await asyncio.gather(*sending)
    assert [answer.status_code for answer in answers] == [202, 202, 409]
    assert seeds.count("interactions") == 2


async def test_an_item_that_is_gone_is_reported_and_its_neighbours_are_recorded(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    await send(client, event("ann", 5))
    with engine.begin() as connection:
        # As taking back a load does, with the events it brought.
        connection.execute(text("truncate interactions, event_receipts"))
        connection.execute(text("delete from items where item_id = 'film-5'"))
    async with receipts_locked(engine):
        sending = await begin(
            client, engine, [event("bob", 1)], [event("ann", 5)], [event("cem", 1)]
        )
    answers = await asyncio.gather(*sending)
    assert [answer.status_code for answer in answers] == [202, 422, 202]
    assert "There is no item 'film-5'." in answers[1].text
    assert seeds.count("interactions") == 2


async def test_who_goes_away_harms_nobody(
    client: httpx.AsyncClient, seeds: Seeds, engine: Engine
) -> None:
    async with receipts_locked(engine):
        sending = await begin(
            client, engine, [event("ann", 1)], [event("bob", 1)], [event("cem", 1)]
        )
        sending[1].cancel()
        await until_waiting(client, 1)
        sending[0].cancel()
    assert counts(await sending[2]) == (1, 0)
    with engine.connect() as connection:
        users = connection.execute(text("select user_id from users order by user_id")).scalars()
        assert list(users) == ["ann", "cem"], "what was being written is, what waited is not"


async def test_who_finds_too_many_waiting_is_told_to_come_again(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start(postgres_waiting=2, **_PATIENT)
    async with receipts_locked(engine):
        sending = await begin(
            client, engine, [event("ann", 1)], [event("bob", 1)], [event("cem", 1)]
        )
        refused = await send(client, event("dee", 1))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["type"] == "urn:tandem:problem:store-unavailable"
    assert [counts(answer) for answer in await asyncio.gather(*sending)] == [(1, 0)] * 3
    assert seeds.count("interactions") == 3
    metrics = (await client.get("/metrics")).text
    assert 'serving_events_total{outcome="refused"} 1.0' in metrics


async def test_events_that_were_not_written_in_time_count_once_when_they_are_sent_again(
    start: Start, seeds: Seeds, engine: Engine
) -> None:
    client = await start(write_budget_seconds=1.0)
    batches = [[event(f"user-{n}", n, event_id=f"once-{n}")] for n in range(3)]
    async with receipts_locked(engine):
        sending = await begin(client, engine, *batches)
        answers = await asyncio.gather(*sending)
    assert [answer.status_code for answer in answers] == [503] * 3
    for batch in batches:

        async def recorded(batch: Sequence[dict[str, Any]] = batch) -> bool:
            answer = await send(client, *batch)
            return answer.status_code == 202 and sum(counts(answer)) == 1

        await until(recorded)
    assert seeds.count("interactions") == 3


async def test_what_waits_when_the_process_is_told_to_stop_is_written_and_answered(
    run_api: RunApi, seeds: Seeds, engine: Engine
) -> None:
    api, key = run_api(**_PATIENT), seeds.key("read", "write")
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{api.port}", headers={"X-API-Key": key}, timeout=60
    ) as client:
        async with receipts_locked(engine):
            batches = [[event(f"user-{n}", n)] for n in range(5)]
            sending = await begin(client, engine, *batches)
            api.process.send_signal(signal.SIGTERM)
            await until(lambda: _holds(bool(api.lines("Shutting down"))))
        answers = await asyncio.gather(*sending)
    assert [counts(answer) for answer in answers] == [(1, 0)] * 5
    assert seeds.count("interactions") == 5


async def test_a_process_killed_before_it_could_answer_leaves_events_that_count_once(
    run_api: RunApi, seeds: Seeds, engine: Engine
) -> None:
    api, key = run_api(**_PATIENT), seeds.key("read", "write")
    batches = [[event(f"user-{n}", n, event_id=f"once-{n}")] for n in range(5)]
    async with (
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{api.port}", headers={"X-API-Key": key}, timeout=60
        ) as client,
        receipts_locked(engine),
    ):
        sending = await begin(client, engine, *batches)
        # PostgreSQL goes on with what it was sent, and nobody is there to hear of it.
        api.process.send_signal(signal.SIGKILL)
        await asyncio.gather(*sending, return_exceptions=True)
    other = run_api(**_PATIENT)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{other.port}", headers={"X-API-Key": key}, timeout=60
    ) as client:
        again = [await send(client, *batch) for batch in batches]
    assert all(sum(counts(answer)) == 1 for answer in again)
    assert seeds.count("interactions") == 5


@pytest.mark.parametrize("users", [1, 3_000])
async def test_many_users_are_told_of_by_few_notifications(engine: Engine, users: int) -> None:
    known = {
        f"user-{n}": UserExclusions(exclusions=Exclusions(frozenset({n + 1, n + 2})))
        for n in range(users)
    }
    sent: list[str] = []

    class Listening:
        async def write(self, _statement: Any, parameters: dict[str, Any]) -> list[Any]:
            sent.extend(parameters["payloads"])
            return []

    await ExclusionNotifier(Listening()).publish(known)  # type: ignore[arg-type]
    received: dict[str, UserExclusions] = {}
    for payload in sent:
        received |= decode_change(payload).added
    assert received == known
    assert len(sent) <= 1 + users // 250
    assert max(map(len, sent)) < 8_000
