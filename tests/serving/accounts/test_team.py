"""The team: who administers accounts, and what happens to those who are changed or removed."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, text, update

from tests import tables
from tests.serving.accounts.people import (
    PASSWORD,
    People,
    bearer,
    me,
    refreshed,
    register,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, Start, event, until


@pytest.fixture
async def boss(open_app: httpx.AsyncClient, people: People) -> dict[str, str]:
    """The headers of an admin who is signed in."""
    people.add("boss")
    return bearer(await signed_in(open_app, "boss"))


@pytest.fixture
async def slow(start: Start, signing_keys_file: Path) -> httpx.AsyncClient:
    """Another process, which learns of nothing before the test is over."""
    return await start(signing_keys_file=signing_keys_file, api_key_seconds=60)


async def changed(
    client: httpx.AsyncClient, headers: dict[str, str], account_id: int, **body: Any
) -> httpx.Response:
    return await client.patch(f"/v1/admin/accounts/{account_id}", json=body, headers=headers)


async def removed(
    client: httpx.AsyncClient, headers: dict[str, str], account_id: int
) -> httpx.Response:
    return await client.delete(f"/v1/admin/accounts/{account_id}", headers=headers)


async def test_accounts_are_listed_without_what_is_secret(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People
) -> None:
    ann = people.add("ann", "user")
    people.add("eve", "viewer", None)
    listed = (await open_app.get("/v1/admin/accounts", headers=boss)).json()["accounts"]
    assert [account["name"] for account in listed] == ["boss", "ann", "eve"]
    assert listed[1]["user_id"] == "u_ann"
    assert [account["has_password"] for account in listed] == [True, True, False]
    assert "argon2" not in str(listed)
    after = await open_app.get(f"/v1/admin/accounts?after={ann}", headers=boss)
    assert [account["name"] for account in after.json()["accounts"]] == ["eve"]


async def test_another_role_counts_at_once_because_sessions_end(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People
) -> None:
    ann = people.add("ann", "operator")
    tokens = await signed_in(open_app, "ann")
    answer = await changed(open_app, boss, ann, role="viewer")
    assert (answer.status_code, answer.json()["role"]) == (200, "viewer")
    assert (await me(open_app, tokens)).status_code == 401
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 400
    again = await signed_in(open_app, "ann")
    assert again["scope"] == "viewer"
    # Nothing that is as it was ends anything.
    assert (await changed(open_app, boss, ann, role="viewer")).status_code == 200
    assert (await changed(open_app, boss, ann)).status_code == 200
    assert (await me(open_app, again)).status_code == 200


async def test_who_is_disabled_is_out_until_enabled(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People, start: Start,
    signing_keys_file: Path,
) -> None:  # fmt: skip
    other = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    ann = people.add("ann", "user")
    tokens = await signed_in(open_app, "ann")
    session = await open_app.post("/v1/auth/session", json={"name": "ann", "password": PASSWORD})
    cookie = {"Cookie": session.headers["set-cookie"].partition(";")[0], "X-API-Key": ""}
    open_app.cookies.clear()
    assert (await open_app.get("/v1/popular", headers=cookie)).status_code == 200
    assert (await changed(open_app, boss, ann, disabled=True)).json()["disabled_at"] is not None
    assert (await me(open_app, tokens)).status_code == 401
    assert (await open_app.get("/v1/popular", headers=cookie)).status_code == 401
    assert (await sign_in(open_app, "ann")).status_code == 400

    async def refused() -> bool:
        return (await me(other, tokens)).status_code == 401

    await until(refused)
    assert (await changed(open_app, boss, ann, disabled=False)).json()["disabled_at"] is None
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 400
    assert (await sign_in(open_app, "ann")).status_code == 200


async def test_an_end_user_does_not_become_one_of_the_team(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People
) -> None:
    ann, eve = people.add("ann", "user"), people.add("eve", "viewer")
    assert (await changed(open_app, boss, ann, role="viewer")).status_code == 422
    assert (await changed(open_app, boss, eve, role="user")).status_code == 422
    assert (await changed(open_app, boss, ann, role="user")).status_code == 200
    assert (await changed(open_app, boss, 10_000, role="viewer")).status_code == 404
    for body in ({"role": "owner"}, {"disabled": "yes"}, {"name": "x"}):
        assert (await changed(open_app, boss, eve, **body)).status_code == 422


async def test_the_last_admin_stays(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People
) -> None:
    boss_id = int(people.find("boss").account_id)
    people.add("gone", disabled_at="now")
    people.add("never came", password=None)
    for answer in (
        await changed(open_app, boss, boss_id, role="viewer"),
        await changed(open_app, boss, boss_id, disabled=True),
        await removed(open_app, boss, boss_id),
    ):
        assert answer.status_code == 409
        assert answer.json()["type"] == "urn:tandem:problem:last-admin"
    assert (await open_app.get("/v1/auth/me", headers=boss)).status_code == 200
    people.add("second")
    assert (await changed(open_app, boss, boss_id, role="viewer")).status_code == 200
    assert (await open_app.get("/v1/auth/me", headers=boss)).status_code == 401


async def test_two_admins_who_remove_each_other_at_once_do_not_both_succeed(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    for round_no in range(3):
        names = [f"{name}-{round_no}" for name in "ab"]
        numbers = [people.add(name) for name in names]
        headers = [bearer(await signed_in(open_app, name)) for name in names]
        acts = (
            changed(open_app, headers[0], numbers[1], role="viewer"),
            removed(open_app, headers[1], numbers[0]),
        )
        well, refused = sorted(answer.status_code for answer in await asyncio.gather(*acts))
        # The second is the last admin, or was shut out by the first just before.
        assert (well in {200, 204}, refused in {401, 409}) == (True, True), (well, refused)
        seeds.write(text("delete from accounts"))


async def test_what_somebody_has_invited_ends_with_the_right_to_do_so(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People
) -> None:
    ann = people.add("ann", "viewer")
    acts: list[dict[str, Any] | None] = [{"role": "viewer"}, {"disabled": True}, None]
    for number, act in enumerate(acts):
        other = people.add(f"other-{number}")
        headers = bearer(await signed_in(open_app, f"other-{number}"))
        path = "/v1/admin/accounts"
        invited = await open_app.post(path, json={"role": "admin"}, headers=headers)
        reset = await open_app.post(f"{path}/{ann}/reset", headers=headers)
        done = (
            await removed(open_app, boss, other)
            if act is None
            else await changed(open_app, boss, other, **act)
        )
        assert done.status_code in {200, 204}
        came = await register(open_app, "friend", invitation=invited.json()["link"])
        assert came.status_code == 410, act
        body = {"link": reset.json()["link"], "password": PASSWORD}
        assert (await open_app.post("/v1/auth/reset", json=body)).status_code == 410, act


async def test_who_was_shut_out_does_not_come_back_where_that_is_not_known_yet(
    open_app: httpx.AsyncClient,
    slow: httpx.AsyncClient,
    boss: dict[str, str],
    people: People,
    seeds: Seeds,
) -> None:
    key = {"X-API-Key": seeds.key("read", "write", "users", "token", "admin", name="app")}
    path, gone = "/v1/admin/accounts", people.add("gone")
    headers = bearer(await signed_in(open_app, "gone"))
    keys = (await slow.get("/v1/admin/keys", headers=key)).json()["keys"]
    (number,) = (each["key_id"] for each in keys if each["name"] == "app")
    for act in ({"role": "operator"}, {"disabled": True}):
        assert (await changed(open_app, boss, gone, **act)).status_code == 200
        assert (await slow.get(path, headers=headers)).status_code == 200, "it is not known yet"
        for answer in (
            await changed(slow, headers, gone, role="admin", disabled=False),
            await slow.post(path, json={"role": "admin"}, headers=headers),
            await slow.delete(f"/v1/admin/keys/{number}", headers=headers),
        ):
            assert answer.status_code == 401, answer.text
    await open_app.delete(f"/v1/admin/keys/{number}", headers=boss)
    assert (await slow.get(path, headers=key)).status_code == 200, "it is not known yet"
    made = await slow.post("/v1/admin/keys", json={"name": "x", "scopes": ["read"]}, headers=key)
    assert made.status_code == 401


async def test_what_an_app_has_invited_ends_with_its_key(
    open_app: httpx.AsyncClient, boss: dict[str, str], seeds: Seeds
) -> None:
    path, links = "/v1/admin/accounts", []
    for name in ("revoked", "expired", "in force"):
        key = {"X-API-Key": seeds.key("read", "write", "users", "token", "admin", name=name)}
        invited = await open_app.post(path, json={"role": "admin"}, headers=key)
        links.append(invited.json()["link"])
    keys = (await open_app.get("/v1/admin/keys", headers=boss)).json()["keys"]
    numbers = {key["name"]: key["key_id"] for key in keys}
    revoked = await open_app.delete(f"/v1/admin/keys/{numbers['revoked']}", headers=boss)
    assert revoked.status_code == 204
    seeds.write(
        update(tables.api_keys)
        .where(tables.api_keys.c.name == "expired")
        .values(expires_at=func.now())
    )
    came = [
        await register(open_app, f"friend-{n}", invitation=link) for n, link in enumerate(links)
    ]
    assert [answer.status_code for answer in came] == [410, 410, 201]


async def test_who_is_removed_is_gone_and_what_they_did_stays(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People, seeds: Seeds
) -> None:
    ann = people.add("ann", "user")
    tokens = await signed_in(open_app, "ann")
    body = {"events": [event("me", 1)]}
    await open_app.post("/v1/events", json=body, headers=bearer(tokens))
    for _ in range(2):
        assert (await removed(open_app, boss, ann)).status_code == 204
    assert (await me(open_app, tokens)).status_code == 401
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 400
    assert (await sign_in(open_app, "ann")).status_code == 400
    assert (seeds.count("users"), seeds.count("interactions")) == (1, 1)
    assert seeds.count("sessions") == 1, "the admin's own"


async def test_acts_are_audited_and_name_no_end_user(
    open_app: httpx.AsyncClient, boss: dict[str, str], people: People, seeds: Seeds
) -> None:
    ann, eve = people.add("ann@example.org", "user"), people.add("eve", "viewer")
    await open_app.post(f"/v1/admin/accounts/{ann}/reset", headers=boss)
    await changed(open_app, {**boss, "X-Request-ID": "my-id"}, eve, role="operator")
    await changed(open_app, boss, ann, disabled=True)
    await removed(open_app, boss, ann)
    await removed(open_app, boss, ann)
    query = "select act, actor, subject, details, request_id from audit_log order by audit_id"
    rows = seeds.write(text(query)).all()
    assert [(row.act, row.subject) for row in rows] == [
        ("make reset link", f"account {ann}"),
        ("change account", f"account {eve}"),
        ("change account", f"account {ann}"),
        ("remove account", f"account {ann}"),
    ]
    assert {row.actor for row in rows} == {"account boss"}
    assert rows[1].details == {"name": "eve", "role": "operator", "disabled": False}
    assert rows[1].request_id == "my-id"
    assert "example.org" not in str(rows)


async def test_an_app_links_an_account_to_a_user_it_knows(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    registered = (await register(open_app, "ann")).json()
    tokens = await signed_in(open_app, "ann")
    maker = {"X-API-Key": seeds.key("token", name="maker")}
    path = f"/v1/accounts/{registered['account_id']}/user"

    async def linked(user_id: str, to: str = path) -> httpx.Response:
        return await open_app.put(to, json={"user_id": user_id}, headers=maker)

    assert (await linked("known")).status_code == 404
    seeds.user("known")
    assert (await linked("known", "/v1/accounts/999/user")).status_code == 404
    assert (await linked("me")).status_code == 422
    for _ in range(2):
        assert (await linked("known")).status_code == 204
    assert (await me(open_app, tokens)).status_code == 401
    again = await signed_in(open_app, "ann")
    assert (await me(open_app, again)).json()["user_id"] == "known"
    other = (await register(open_app, "bob")).json()
    taken = await linked("known", f"/v1/accounts/{other['account_id']}/user")
    assert taken.status_code == 409
    boss = people.add("boss")
    assert (await linked("known", f"/v1/accounts/{boss}/user")).status_code == 404
    # Who may write events of all users may not become one of them, and read what is theirs.
    for headers in (
        bearer(again),
        {"X-API-Key": seeds.key("read", "write", "users", "admin", name="others")},
    ):
        refused = await open_app.put(path, json={"user_id": "known"}, headers=headers)
        assert refused.status_code == 403


async def test_an_app_that_revokes_the_tokens_of_a_user_ends_the_sessions_too(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann", "user")
    people.add("bob", "user")
    ann, bob = await signed_in(open_app, "ann"), await signed_in(open_app, "bob")
    maker = {"X-API-Key": seeds.key("token", name="maker")}
    assert (await open_app.delete("/v1/users/u_ann/tokens", headers=maker)).status_code == 204
    assert (await me(open_app, ann)).status_code == 401
    assert (await refreshed(open_app, ann["refresh_token"])).status_code == 400
    assert (await refreshed(open_app, bob["refresh_token"])).status_code == 200
    assert (await sign_in(open_app, "ann")).status_code == 200


async def test_who_is_forgotten_has_no_account(
    open_app: httpx.AsyncClient, seeds: Seeds, boss: dict[str, str]
) -> None:
    user_id = (await register(open_app, "ann@example.org")).json()["user_id"]
    tokens, _ = (
        await signed_in(open_app, "ann@example.org"),
        await signed_in(open_app, "ann@example.org"),
    )
    forgotten = await open_app.delete(f"/v1/users/{user_id}", headers=boss)
    counted = forgotten.json()["removed"]
    assert (counted["users"], counted["accounts"], counted["sessions"]) == (0, 1, 2)
    assert (await me(open_app, tokens)).status_code == 401
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 400
    assert (await sign_in(open_app, "ann@example.org")).status_code == 400
    assert seeds.count("accounts") == 1
    again = await open_app.delete(f"/v1/users/{user_id}", headers=boss)
    assert again.json()["removed"]["accounts"] == 0
