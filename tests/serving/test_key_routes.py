"""API keys over HTTP: made, listed, changed, revoked; and the audit log that tells of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.serving.conftest import Gate, Seeds, Start, event, faults, recommended, send, until

SCOPES = ["admin", "read", "token", "users", "write"]


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


@pytest.fixture
def boss(seeds: Seeds) -> dict[str, str]:
    """The headers of a key that may do everything."""
    return {"X-API-Key": seeds.key(*SCOPES, name="boss")}


async def made(client: httpx.AsyncClient, boss: dict[str, str], **fields: Any) -> dict[str, Any]:
    body = {"name": "shop", "scopes": ["read", "write"], **fields}
    answer = await client.post("/v1/admin/keys", json=body, headers=boss)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listed(client: httpx.AsyncClient, boss: dict[str, str]) -> dict[str, dict[str, Any]]:
    answer = await client.get("/v1/admin/keys", headers=boss)
    return {key["name"]: key for key in answer.json()["keys"]}


async def audited(client: httpx.AsyncClient, boss: dict[str, str]) -> list[dict[str, Any]]:
    answer = await client.get("/v1/admin/audit", headers=boss)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


async def test_a_new_key_works_at_once_and_is_shown_this_once(
    client: httpx.AsyncClient, boss: dict[str, str]
) -> None:
    key = await made(client, boss, per_minute=600)
    client.headers["X-API-Key"] = key["key"]
    assert (await recommended(client, "ann")).status_code == 200
    assert (await client.get("/v1/admin/keys")).status_code == 403
    shown = (await listed(client, boss))["shop"]
    assert shown == {name: value for name, value in key.items() if name != "key"}
    assert (shown["prefix"], shown["per_minute"]) == (key["key"][:12], 600)
    assert (shown["expires_at"], shown["revoked_at"]) == (None, None)
    everything = [await client.get(f"/v1/admin/{name}", headers=boss) for name in ("keys", "audit")]
    assert key["key"][12:] not in "".join(answer.text for answer in everything)


async def test_a_key_cannot_give_what_it_lacks(client: httpx.AsyncClient, seeds: Seeds) -> None:
    own = {"X-API-Key": seeds.key("admin", "read", name="own")}
    for scopes in (["write"], ["read", "token"], ["users", "admin"]):
        body = {"name": "more", "scopes": scopes}
        answer = await client.post("/v1/admin/keys", json=body, headers=own)
        assert (answer.status_code, "lacks" in answer.json()["detail"]) == (403, True)
    assert (await made(client, own, scopes=["admin", "read"]))["scopes"] == ["admin", "read"]
    seeds.key("write", name="other")
    other = (await listed(client, own))["other"]["key_id"]
    longer = await client.patch(f"/v1/admin/keys/{other}", json={"expires_at": None}, headers=own)
    assert longer.status_code == 403
    assert [entry["subject"] for entry in await audited(client, own)] == ["shop"]


async def test_names_of_keys_are_given_once(
    client: httpx.AsyncClient, boss: dict[str, str], seeds: Seeds
) -> None:
    key = await made(client, boss)
    await client.delete(f"/v1/admin/keys/{key['key_id']}", headers=boss)
    for name in ("shop", "boss"):
        body = {"name": name, "scopes": ["read"]}
        answer = await client.post("/v1/admin/keys", json=body, headers=boss)
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:tandem:problem:key-name-taken"
    assert seeds.count("api_keys") == 3


async def test_what_no_key_can_be_is_refused(
    client: httpx.AsyncClient, boss: dict[str, str], seeds: Seeds
) -> None:
    good = {"name": "shop", "scopes": ["read"]}
    for wrong in (
        {"name": ""}, {"name": "x" * 101}, {"name": " shop"}, {"name": "a\nb"}, {"name": "a\0b"},
        {"scopes": []}, {"scopes": ["own"]}, {"scopes": "read"},
        {"per_minute": 0}, {"per_minute": -1}, {"per_minute": 1.5}, {"per_minute": "60"},
        {"per_minute": 1_000_001}, {"per_minute": True},
        {"expires_at": in_days(-1)}, {"expires_at": 1}, {"expires_at": "90d"},
        {"expires_at": "2027-02-30"}, {"expires_at": "9999-12-31T23:59:59-23:00"},
        {"expires_at": "0001-01-01T00:00:00+23:00"}, {"key": "tdm_mine"},
    ):  # fmt: skip
        answer = await client.post("/v1/admin/keys", json={**good, **wrong}, headers=boss)
        assert answer.status_code == 422, (wrong, answer.text)
    late = await client.post(
        "/v1/admin/keys", json={**good, "expires_at": in_days(-1)}, headers=boss
    )
    assert faults(late) == {
        "/expires_at": "A key expires in the future, and within a hundred years."
    }
    number = (await listed(client, boss))["everything"]["key_id"]
    for change in ({}, {"name": "other"}, {"scopes": ["admin"]}, {"per_minute": 0}):
        answer = await client.patch(f"/v1/admin/keys/{number}", json=change, headers=boss)
        assert answer.status_code == 422, (change, answer.text)
    for key_id in ("0", "-1", "x", "99999999999", "1.0"):
        answer = await client.delete(f"/v1/admin/keys/{key_id}", headers=boss)
        assert list(faults(answer)) == ["path:key_id"], key_id
    assert seeds.count("api_keys") == 2


async def test_a_revoked_key_stops_everywhere_and_revoking_twice_is_once(
    client: httpx.AsyncClient, start: Start, boss: dict[str, str]
) -> None:
    other = await start(api_key_seconds=0.05)
    key = await made(client, boss)
    for asked in (client, other):
        answer = await asked.get("/v1/popular", headers={"X-API-Key": key["key"]})
        assert answer.status_code == 200
    for _ in range(2):
        answer = await client.delete(f"/v1/admin/keys/{key['key_id']}", headers=boss)
        assert (answer.status_code, answer.content) == (204, b"")
    own = {"X-API-Key": key["key"]}
    assert (await client.get("/v1/popular", headers=own)).status_code == 401
    other.headers["X-API-Key"] = key["key"]

    async def refused() -> bool:
        return (await recommended(other, "ann")).status_code == 401

    await until(refused)
    assert (await listed(client, boss))["shop"]["revoked_at"] is not None
    acts = [(entry["act"], entry["subject"]) for entry in await audited(client, boss)]
    assert acts == [("end key", "shop"), ("create key", "shop")]
    path = f"/v1/admin/keys/{key['key_id']}"
    assert (await client.patch(path, json={"per_minute": 5}, headers=boss)).status_code == 404
    assert (await client.delete("/v1/admin/keys/12345", headers=boss)).status_code == 404
    unknown = await client.patch("/v1/admin/keys/12345", json={"per_minute": 5}, headers=boss)
    assert unknown.json()["type"] == "urn:tandem:problem:unknown-key"


async def test_limit_and_expiry_can_change_and_what_is_left_out_stays(
    client: httpx.AsyncClient, boss: dict[str, str]
) -> None:
    key = await made(client, boss, per_minute=600, expires_at=in_days(30))
    path = f"/v1/admin/keys/{key['key_id']}"
    for change in (
        {"per_minute": 5}, {"expires_at": None}, {"expires_at": in_days(3)}, {"per_minute": None},
        {"per_minute": 9, "expires_at": in_days(4)},
    ):  # fmt: skip
        before = (await listed(client, boss))["shop"]
        answer = await client.patch(path, json=change, headers=boss)
        assert answer.status_code == 200, answer.text
        after = (await listed(client, boss))["shop"]
        assert answer.json() == after
        assert after["per_minute"] == change.get("per_minute", before["per_minute"])
        if "expires_at" not in change:
            assert after["expires_at"] == before["expires_at"]
        elif change["expires_at"] is None:
            assert after["expires_at"] is None
        else:
            wanted = datetime.fromisoformat(str(change["expires_at"]))
            assert datetime.fromisoformat(after["expires_at"]) == wanted
    assert [entry["act"] for entry in await audited(client, boss)] == ["change key"] * 5 + [
        "create key"
    ]


async def test_a_key_ends_when_it_says_although_the_database_is_away(
    client: httpx.AsyncClient, boss: dict[str, str], gate: Gate
) -> None:
    ends_at = datetime.now(UTC) + timedelta(seconds=3)
    key = await made(client, boss, expires_at=ends_at.isoformat())
    client.headers["X-API-Key"] = key["key"]
    assert (await recommended(client, "ann")).status_code == 200
    gate.shut()

    async def ended() -> bool:
        answer = await recommended(client, "ann")
        assert answer.status_code in {200, 401}
        assert answer.status_code == 200 or datetime.now(UTC) >= ends_at
        return answer.status_code == 401

    await until(ended)


async def test_when_a_key_was_used_is_known(
    start: Start, boss: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.lifespan._USE_SECONDS", 0.1)
    client = await start(api_key_seconds=0.1)
    key = await made(client, boss)
    assert key["last_used_at"] is None
    await client.get("/v1/popular", headers={"X-API-Key": key["key"]})

    async def noted() -> bool:
        return (await listed(client, boss))["shop"]["last_used_at"] is not None

    await until(noted)


async def test_the_audit_log_is_read_in_pages_newest_first(
    client: httpx.AsyncClient, boss: dict[str, str]
) -> None:
    for number in range(5):
        await made(client, boss, name=f"shop {number}")
    newest = await client.get("/v1/admin/audit?limit=2", headers=boss)
    assert [entry["subject"] for entry in newest.json()["entries"]] == ["shop 4", "shop 3"]
    before = newest.json()["entries"][-1]["audit_id"]
    older = await client.get(f"/v1/admin/audit?before={before}", headers=boss)
    assert [entry["subject"] for entry in older.json()["entries"]] == ["shop 2", "shop 1", "shop 0"]
    entry = older.json()["entries"][0]
    assert entry["actor"] == "key boss"
    assert entry["details"] == {"scopes": ["read", "write"], "expires_at": None, "per_minute": None}
    assert entry["request_id"]


async def test_who_was_forgotten_stands_in_no_entry(
    client: httpx.AsyncClient, boss: dict[str, str], seeds: Seeds
) -> None:
    await send(client, event("ann-the-user", 1))
    for _ in range(2):
        headers = {**boss, "X-Request-ID": "forgetting"}
        answer = await client.delete("/v1/users/ann-the-user", headers=headers)
        assert answer.status_code == 200
    (entry,) = await audited(client, boss)
    assert (entry["act"], entry["subject"]) == ("forget user", "a user")
    assert (entry["details"]["interactions"], entry["request_id"]) == (1, "forgetting")
    with seeds.engine.connect() as connection:
        rows = connection.execute(text("select audit_log::text from audit_log")).scalars().all()
    assert "ann-the-user" not in str(rows)


async def test_a_load_that_is_taken_back_is_told_once(
    start: Start, boss: dict[str, str], tmp_path: Path
) -> None:
    client = await start(uploads=tmp_path / "uploads")
    file = b"item_id,title\nx,X\n"
    headers = {**boss, "Content-Type": "text/csv"}
    loaded = await client.post("/v1/loads?filename=x.csv", content=file, headers=headers)
    for _ in range(2):
        path = f"/v1/loads/{loaded.json()['id']}"
        assert (await client.delete(path, headers=boss)).json()["state"] == "undoing"
    (entry,) = await audited(client, boss)
    assert (entry["act"], entry["actor"]) == ("undo load", "key boss")
    assert entry["details"] == {"filename": "x.csv"}
