"""GET /v1/users/{user_id}/export: all that is stored of a user, and nothing secret."""

import json
from collections import Counter

import httpx
from sqlalchemy import Engine, text

from serving.users.exporting import DERIVED
from tests import tables
from tests.removals import rows_of_user
from tests.serving.accounts.people import PASSWORD, People
from tests.serving.conftest import Seeds, event, recommended, send, until

TABLES = {
    "users": "user",
    "user_interests": "user",
    "merged_users": "merged_user",
    "interactions": "event",
    "event_deletions": "deleted_event",
    "impressions": "impression",
    "accounts": "account",
    "sessions": "session",
    "preferences": "preference",
}
"""The record that has what each table says of a user."""
SEVERAL = {"user_interests"}
"""A record of another table has them too."""

NOT_EXPORTED = {"account_id", "user_id", "name_key", "password_hash"}
"""Of an account: numbers and secrets of ours, and what other fields say."""


async def test_an_export_has_all_that_every_table_says_of_the_user(
    client: httpx.AsyncClient, engine: Engine, seeds: Seeds
) -> None:
    user_no = seeds.listed_user("ann", popular=range(20, 30))
    profile_body = {
        "attributes": {"country": "NL"},
        "interests": {"words": ["noir"], "items": ["film-9"]},
    }
    await client.put("/v1/users/ann", json=profile_body)
    views = [event("ann", n % 20, event_id=f"a-{n}") for n in range(1_000)]
    rated = event("visitor", 3, "rate", value=7, scale="1:10")
    assert (await send(client, *views)).status_code == 202
    assert (await send(client, rated, event("visitor", 1), event("bob", 25))).status_code == 202
    await client.delete("/v1/events/a-999")
    preference = {"direction": "more", "item_id": "film-4"}
    await client.put("/v1/users/ann/preferences", json=preference)
    await client.post("/v1/users/ann/merge", json={"from": "visitor"})
    await recommended(client, "ann", limit=3)
    People(seeds).add("ann@example.com", "user", user_id="ann")
    session = {"name": "ann@example.com", "password": PASSWORD}
    assert (await client.post("/v1/auth/session", json=session)).status_code < 300
    client.cookies.clear()

    def rows() -> Counter[str]:
        with engine.connect() as connection:
            found = Counter(rows_of_user(connection, user_no))
            of_account = text(
                "select (select count(*) from accounts where user_id = 'ann'),"
                " (select count(*) from sessions join accounts using (account_id)"
                " where user_id = 'ann')"
            )
            found["accounts"], found["sessions"] = connection.execute(of_account).one()
        return found

    async def shown() -> bool:
        return rows()["impressions"] == 1

    await until(shown)
    answer = await client.get("/v1/users/ann/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    *lines, end = map(json.loads, answer.text.splitlines())
    assert (end["record"], end["records"]) == ("end", len(lines))
    records = Counter(line["record"] for line in lines)
    there = rows()
    assert there.keys() <= {*TABLES, *DERIVED}, "a table that says something of a user"
    assert {*TABLES} <= there.keys()
    for table, record in TABLES.items():
        assert table in SEVERAL or records[record] == there[table], table
    assert records["event"] == 1_001
    profile = lines[0]
    assert (profile["attributes"], profile["interests"]) == (
        profile_body["attributes"],
        profile_body["interests"],
    )
    rating = next(line for line in lines if line.get("kind") == "rate")
    assert (rating["item_id"], rating["value"], rating["scale"]) == ("film-3", 7, [1, 10])
    assert len(next(line for line in lines if line["record"] == "impression")["item_ids"]) == 3
    preferred = next(line for line in lines if line["record"] == "preference")
    assert (preferred["direction"], preferred["item_id"]) == ("more", "film-4")
    (account,) = (line for line in lines if line["record"] == "account")
    assert account.keys() - {"record"} == {*tables.accounts.columns.keys()} - NOT_EXPORTED
    assert "film-25" not in {line.get("item_id") for line in lines}
    for secret in ("hash", "secret", "token"):
        assert secret not in answer.text


async def test_nobody_has_no_export(client: httpx.AsyncClient) -> None:
    for user in ("nobody", "me"):
        answer = await client.get(f"/v1/users/{user}/export")
        assert answer.status_code == (404 if user == "nobody" else 422)
