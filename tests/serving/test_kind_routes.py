"""PUT, GET and DELETE /v1/event-kinds/{kind}: what events mean, said over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from domain.errors import StoreUnavailableError
from serving.access.acting import Actor
from serving.events.kind_keeping import KindKeeping
from serving.events.kinds import Kinds
from serving.postgres.store import Store
from serving.runs.live_runs import Runs
from serving.runtime.breaker import BreakerRules
from serving.runtime.faults import UnknownKindError
from sql.event_kinds import KindChange
from tests.serving.conftest import Seeds, Start, event, faults, send


@pytest.fixture
async def operator(client: httpx.AsyncClient, seeds: Seeds) -> httpx.AsyncClient:
    client.headers["X-API-Key"] = seeds.key("read", "write", "admin", name="operator")
    return client


async def put(client: httpx.AsyncClient, kind: str, **fields: Any) -> httpx.Response:
    return await client.put(f"/v1/event-kinds/{kind}", json=fields)


async def test_a_kind_is_created_changed_used_and_told_of_in_the_audit_log(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    new = await put(operator, "share", weight=3, description="shared it")
    assert new.status_code == 201, new.text
    assert new.json() == (await operator.get("/v1/event-kinds/share")).json()
    assert (new.json()["weight"], new.json()["marks_seen"], new.json()["value"]) == (3, True, None)
    assert (await send(operator, event("ann", 1, "share"))).status_code == 202
    changed = await put(operator, "share", weight=0.5, marks_seen=False)
    assert (changed.status_code, changed.json()["description"]) == (200, "")
    against = await put(operator, "share", weight=-1)
    assert against.status_code == 422
    assert "recorded already" in against.json()["detail"]
    rated = await put(operator, "stars", weight=3, value={"scale": "0:10"})
    assert rated.json()["value"] == {"smallest": 0, "greatest": 10, "reference": None}
    paid = {"smallest": 0, "greatest": 100, "reference": 10}
    assert (await put(operator, "paid", weight=1, value=paid)).json()["value"] == paid
    used = await operator.delete("/v1/event-kinds/share")
    assert (used.status_code, used.json()["type"]) == (409, "urn:tandem:problem:kind-in-use")
    assert (await operator.delete("/v1/event-kinds/stars")).status_code == 204
    assert (await operator.delete("/v1/event-kinds/stars")).status_code == 404
    assert (await operator.get("/v1/event-kinds/stars")).status_code == 404
    refused = await send(operator, event("ann", 2, "stars", value=5))
    assert list(faults(refused)) == ["/events/0/kind"]
    with seeds.engine.connect() as connection:
        acts = text("select act, subject from audit_log where act like '%kind' order by audit_id")
        assert [tuple(row) for row in connection.execute(acts)] == [
            ("create kind", "share"), ("change kind", "share"), ("create kind", "stars"),
            ("create kind", "paid"), ("delete kind", "stars"),
        ]  # fmt: skip


async def test_a_kind_that_cannot_be_is_refused(operator: httpx.AsyncClient, seeds: Seeds) -> None:
    for fields in (
        {}, {"weight": 1e9}, {"weight": "3"}, {"weight": -1, "marks_seen": False},
        {"weight": -1, "value": {"scale": "1:5"}}, {"weight": 1, "value": {"scale": "5:1"}},
        {"weight": 1, "value": {"smallest": 1, "greatest": 2}}, {"weight": 1, "half_life_days": -1},
        {"weight": 1, "value": {"smallest": 2, "greatest": 1, "reference": 1}},
        {"weight": 1, "of": 1},
    ):  # fmt: skip
        assert (await put(operator, "share", **fields)).status_code == 422, fields
    for value, where in (
        ({"scale": "1:5", "reference": 2}, ["/value/reference"]),
        ({"smallest": 1, "reference": "2"}, ["/value/greatest", "/value/reference"]),
    ):
        refused = await put(operator, "share", weight=1, value=value)
        assert sorted(faults(refused)) == where
    assert (await put(operator, "Share", weight=1)).status_code == 422
    assert seeds.count("event_kinds") == 8


async def test_a_number_is_never_given_again_and_no_event_outlives_its_kind(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    for _ in range(5):
        assert (await put(operator, "short", weight=1)).status_code == 201
        sent = [send(operator, event("ann", n, "short")) for n in range(3)]
        deleted, *answers = await asyncio.gather(operator.delete("/v1/event-kinds/short"), *sent)
        with seeds.engine.connect() as connection:
            orphans = "select count(*) from interactions where kind_no not in"
            found = connection.execute(text(f"{orphans} (select kind_no from event_kinds)"))
            assert found.scalar_one() == 0
        if deleted.status_code == 204:
            assert {answer.status_code for answer in answers} <= {422, 503}
        else:
            assert deleted.status_code in {409, 503}
            await operator.delete("/v1/events", params={"user_id": "ann"})
            assert (await operator.delete("/v1/event-kinds/short")).status_code == 204
    await put(operator, "last", weight=1)
    with seeds.engine.connect() as connection:
        number = text("select kind_no from event_kinds where kind = 'last'")
        assert connection.execute(number).scalar_one() >= 14


async def test_a_slow_look_into_the_log_is_no_failure_of_postgres(
    start: Start, seeds: Seeds
) -> None:
    # A single failure would open the breaker.
    client = await start(
        postgres_wait_seconds=1.0, breaker_error_share=0.001, postgres_probe_seconds=600
    )
    client.headers["X-API-Key"] = seeds.key("read", "write", "admin", name="operator")
    for _ in range(BreakerRules().fewest_calls):
        assert (await client.get("/v1/items")).status_code == 200
    # A lock stands for a long log: whoever deletes waits for it as long as for a scan.
    seeds.write(text("alter function delete_event_kind(text) set lock_timeout = 0"))
    with seeds.engine.connect() as connection:
        connection.execute(text("lock table interactions in access exclusive mode"))
        assert (await client.delete("/v1/event-kinds/view")).status_code == 503
        assert (await put(client, "view", weight=-1)).status_code == 503
        connection.rollback()
    listed = await client.get("/v1/items")
    assert listed.status_code == 200, listed.text


async def test_what_became_of_a_kind_is_said_though_kinds_cannot_be_read_again(
    database_url: str,
) -> None:
    actor = Actor("operator", "request-1")
    store, away = Store.at(database_url), Store.at("postgresql://nobody@127.0.0.1:1/nowhere")
    try:
        kinds = Kinds(Runs(away))
        with pytest.raises(StoreUnavailableError):
            await kinds.refresh()
        keeping = KindKeeping(store, kinds)
        with pytest.raises(UnknownKindError):
            await keeping.delete("share", actor)
        await KindKeeping(store, Kinds(Runs(store))).put("share", KindChange(weight=2), actor)
        await keeping.delete("share", actor)
        with pytest.raises(UnknownKindError):
            await keeping.delete("share", actor)
    finally:
        await store.close()
        await away.close()


async def test_a_kind_said_again_is_no_change_for_the_audit_log(
    operator: httpx.AsyncClient, seeds: Seeds
) -> None:
    for status in (201, 200):
        answer = await put(operator, "share", weight=0.1, half_life_days=0.3)
        assert (answer.status_code, answer.json()["weight"]) == (status, 0.1)
    with seeds.engine.connect() as connection:
        acts = text("select act from audit_log where subject = 'share'")
        assert connection.execute(acts).scalars().all() == ["create kind"]
