"""Signing in by password: what is answered, and to whom."""

from typing import Any

import argon2
import httpx
import pytest
from argon2.profiles import CHEAPEST

from serving.accounts import passwords
from serving.accounts.passwords import PasswordThreads
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
from tests.serving.conftest import Gate, Seeds, Start, event, faults


async def test_who_registers_signs_in_and_reads_and_writes_as_one_user(
    open_app: httpx.AsyncClient, seeds: Seeds
) -> None:
    registered = await register(open_app, "Ann@Example.org")
    assert registered.status_code == 201, registered.text
    user_id = registered.json()["user_id"]
    assert user_id.startswith("u_")
    assert len(user_id) == 34
    answer = await sign_in(open_app, "ann@example.ORG")
    assert "no-store" in answer.headers["cache-control"]
    tokens = answer.json()
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("Bearer", "user", 900)
    assert (await me(open_app, tokens)).json() == registered.json()
    headers = bearer(tokens)
    sent = await open_app.post("/v1/events", json={"events": [event("me", 1)]}, headers=headers)
    assert sent.status_code == 202
    own = await open_app.get("/v1/users/me/recommendations", headers=headers)
    assert own.json()["user_id"] == user_id
    others = await open_app.get("/v1/users/bob/recommendations", headers=headers)
    assert others.status_code == 403
    assert seeds.count("users") == 1


async def test_the_team_does_what_its_roles_allow(
    open_app: httpx.AsyncClient, people: People
) -> None:
    allowed = {"viewer": (200, 403, 403), "operator": (200, 201, 403), "admin": (200, 200, 200)}
    for role, statuses in allowed.items():
        people.add(role, role)
        tokens = await signed_in(open_app, role)
        assert tokens["scope"] == role
        headers = bearer(tokens)
        answers = (
            await open_app.get("/v1/popular", headers=headers),
            await open_app.put("/v1/items/x", json={"title": "X"}, headers=headers),
            await open_app.get("/v1/admin/accounts", headers=headers),
        )
        assert tuple(answer.status_code for answer in answers) == statuses, role
        who = (await me(open_app, tokens)).json()
        assert (who["name"], who["role"], who["user_id"]) == (role, role, None)


async def test_unknown_wrong_and_disabled_cannot_be_told_apart(
    open_app: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add("ann")
    people.add("bob", disabled_at="now")
    people.add("eve", password=None)
    looked_at: list[str] = []
    verify = argon2.PasswordHasher.verify

    def counted(self: Any, password_hash: str, password: str) -> Any:
        looked_at.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return verify(self, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    answers = [
        await sign_in(open_app, "nobody"),
        await sign_in(open_app, "ann", "wrong password"),
        await sign_in(open_app, "bob"),
        await sign_in(open_app, "bob", "wrong password"),
        await sign_in(open_app, "eve"),
        await sign_in(open_app, "ann", "x" * 1000),
    ]
    bodies = [answer.json() for answer in answers]
    for body in bodies:
        body.pop("request_id")
        assert body == bodies[0]
    assert {answer.status_code for answer in answers} == {400}
    assert bodies[0]["error"] == "invalid_grant"
    assert bodies[0]["type"] == "urn:tandem:problem:grant-refused"
    assert bodies[0]["error_description"] == bodies[0]["detail"]
    # Argon2 ran each time, at the same costs.
    assert len(looked_at) == len(answers)
    assert len(set(looked_at)) == 1
    names = [{name.lower() for name in answer.headers} for answer in answers]
    assert all(each == names[0] for each in names)


async def test_a_form_is_read_as_strictly_as_json(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    grant = {"grant_type": "password", "username": "ann", "password": PASSWORD}
    # Clients send these, and forms that were made for other servers.
    more = {"scope": "", "client_id": "app", "client_secret": "x"}
    assert (await open_app.post("/v1/auth/token", data={**grant, **more})).status_code == 200
    for given, pointer in (
        ({**grant, "otp": "1"}, "/otp"),
        ({"grant_type": "password", "password": PASSWORD}, "/username"),
        ({"grant_type": "password", "username": "ann"}, "/password"),
        ({"grant_type": "refresh_token"}, "/refresh_token"),
        ({"username": "ann"}, "/grant_type"),
        ({**grant, "username": ""}, "/username"),
        ({**grant, "password": "x" * 1001}, "/password"),
    ):
        answer = await open_app.post("/v1/auth/token", data=given)
        assert (answer.status_code, list(faults(answer))) == (422, [pointer])
        assert PASSWORD not in answer.text
    unsupported = await open_app.post("/v1/auth/token", data={**grant, "grant_type": "implicit"})
    assert unsupported.json()["error"] == "unsupported_grant_type"
    assert (await open_app.post("/v1/auth/token", json=grant)).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content in (b"a", b"grant_type=password&grant_type=password", b"a=%ff", b"a=\xff", b"&"):
        answer = await open_app.post("/v1/auth/token", content=content, headers=form)
        assert answer.status_code == 400, content
        assert answer.json()["type"] == "urn:tandem:problem:malformed-body"


async def test_bodies_of_those_who_are_nobody_are_small(open_app: httpx.AsyncClient) -> None:
    body = {"name": "ann", "password": PASSWORD, "x": "y" * 10_000}
    for path in ("register", "session", "reset"):
        answer = await open_app.post(f"/v1/auth/{path}", json=body)
        assert answer.status_code == 413, path
    answer = await open_app.post("/v1/auth/token", data=body)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("ann@example.org", "short12", 422),
        ("ann@example.org", "x" * 1001, 422),
        ("ann@example.org", "aaaaaaaaaaaa", 422),
        ("ann@example.org", "PassWord123", 422),
        ("ann@example.org", "ANN@example.org", 422),
        ("long-enough@example.org", "Long-Enough", 422),
        ("ann", "fußgänger", 201),
        ("ann", "        ", 422),
        ("ann", "x y" * 333, 201),
        ("", PASSWORD, 422),
        (" ann", PASSWORD, 422),
        ("a" * 201, PASSWORD, 422),
        ("an\nn", PASSWORD, 422),
    ],
)
async def test_a_password_is_asked_for_its_length_and_to_be_no_usual_one(
    open_app: httpx.AsyncClient, name: str, password: str, status: int
) -> None:
    answer = await register(open_app, name, password)
    assert answer.status_code == status, answer.text
    assert password.strip() == "" or len(password) > 200 or password not in answer.text


async def test_a_password_is_the_same_however_it_is_composed(open_app: httpx.AsyncClient) -> None:
    assert (await register(open_app, "ann", "u\u0308bergro\u00dfe Worte")).status_code == 201
    assert (await sign_in(open_app, "ann", "\u00fcbergro\u00dfe Worte")).status_code == 200


async def test_names_that_look_the_same_are_one_account(open_app: httpx.AsyncClient) -> None:
    assert (await register(open_app, "Ann")).status_code == 201
    for name in ("ann", "ANN", "\uff21nn"):
        taken = await register(open_app, name)
        assert taken.status_code == 409
        assert taken.json()["type"] == "urn:tandem:problem:name-taken"
    assert (await sign_in(open_app, "\uff41NN")).status_code == 200


async def test_a_hash_of_before_is_made_anew_at_the_next_sign_in(
    open_app: httpx.AsyncClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add("ann")
    before = people.find("ann").password_hash
    costlier = argon2.Parameters(
        CHEAPEST.type, CHEAPEST.version, CHEAPEST.salt_len, CHEAPEST.hash_len, 2, 16, 1
    )
    monkeypatch.setattr(passwords, "PARAMETERS", costlier)
    await signed_in(open_app, "ann")
    after = people.find("ann").password_hash
    assert before != after
    assert "m=16,t=2,p=1" in after
    await signed_in(open_app, "ann")
    assert people.find("ann").password_hash == after


async def test_few_passwords_are_hashed_at_once_and_more_are_refused() -> None:
    threads = PasswordThreads(at_once=1, most_waiting=0)
    async with threads:
        with pytest.raises(Exception, match="Too many people are signing in"):
            await threads.__aenter__()
    async with threads:
        pass


async def test_without_signing_keys_there_are_no_tokens_but_sessions_of_browsers(
    start: Start, people: People
) -> None:
    people.add("ann")
    client = await start()
    client.headers["X-API-Key"] = ""
    answer = await sign_in(client, "ann")
    assert answer.status_code == 501
    session = {"name": "ann", "password": PASSWORD}
    assert (await client.post("/v1/auth/session", json=session)).status_code == 201


async def test_while_the_database_is_away_nobody_new_signs_in_and_tokens_go_on(
    open_app: httpx.AsyncClient, people: People, gate: Gate
) -> None:
    people.add("ann")
    tokens = await signed_in(open_app, "ann")
    gate.shut()
    assert (await sign_in(open_app, "ann")).status_code == 503
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 503
    assert (await me(open_app, tokens)).status_code == 200
    gate.open()


async def test_redis_is_not_needed(start: Start, people: People, signing_keys_file: Any) -> None:
    people.add("ann")
    client = await start(
        redis_url="unix:///nowhere/redis.sock", signing_keys_file=signing_keys_file
    )
    client.headers["X-API-Key"] = ""
    tokens = await signed_in(client, "ann")
    assert (await refreshed(client, tokens["refresh_token"])).status_code == 200


async def test_a_token_of_an_app_has_no_account(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    made = await with_tokens.post("/v1/tokens", json={"user_id": "ann"})
    headers = {"Authorization": f"Bearer {made.json()['token']}", "X-API-Key": ""}
    who = await with_tokens.get("/v1/auth/me", headers=headers)
    assert who.json() == {"account_id": None, "name": None, "role": "user", "user_id": "ann"}
    assert (await with_tokens.post("/v1/auth/sign-out", headers=headers)).status_code == 403
    body = {"current": PASSWORD, "new": "another password"}
    changed = await with_tokens.post("/v1/auth/password", json=body, headers=headers)
    assert changed.status_code == 403
    refused = await with_tokens.get("/v1/auth/me")
    assert (refused.status_code, "signed in" in refused.text) == (403, True)
