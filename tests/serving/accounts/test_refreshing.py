"""Refresh tokens: each is good once, and one that comes again ends the session."""

import asyncio

import httpx
from sqlalchemy import text

from tests.serving.accounts.people import (
    People,
    bearer,
    me,
    refreshed,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, Start, until


async def test_a_refresh_token_is_good_once_and_gives_the_next(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    tokens = await signed_in(open_app, "ann")
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        answer = await refreshed(open_app, tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        assert tokens["refresh_token"] not in seen
        seen.add(tokens["refresh_token"])
        assert (await me(open_app, tokens)).status_code == 200


async def test_one_that_comes_again_ends_the_session_with_all_its_tokens(
    open_app: httpx.AsyncClient, people: People, start: Start, signing_keys_file: object
) -> None:
    people.add("ann")
    other = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    bystander = await signed_in(open_app, "ann")
    first = await signed_in(open_app, "ann")
    second = (await refreshed(open_app, first["refresh_token"])).json()
    again = await refreshed(open_app, first["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    for tokens in (first, second):
        assert (await me(open_app, tokens)).status_code == 401
    assert (await refreshed(open_app, second["refresh_token"])).status_code == 400

    async def refused() -> bool:
        return (await me(other, second)).status_code == 401

    await until(refused)
    # Other sessions of the account go on.
    assert (await me(open_app, bystander)).status_code == 200
    assert (await refreshed(open_app, bystander["refresh_token"])).status_code == 200


async def test_of_two_who_refresh_at_once_one_is_first_and_the_session_ends(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    for _ in range(5):
        token = (await signed_in(open_app, "ann"))["refresh_token"]
        answers = await asyncio.gather(*(refreshed(open_app, token) for _ in range(4)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200, 400, 400, 400]
        (won,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert (await refreshed(open_app, won["refresh_token"])).status_code == 400
        assert (await me(open_app, won)).status_code == 401


async def test_a_refresh_token_ends_by_time_and_with_its_session(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann")
    old = await signed_in(open_app, "ann")
    seeds.write(text("update refresh_tokens set expires_at = now()"))
    assert (await refreshed(open_app, old["refresh_token"])).status_code == 400
    ended = await signed_in(open_app, "ann")
    seeds.write(text("update sessions set expires_at = now()"))
    assert (await refreshed(open_app, ended["refresh_token"])).status_code == 400
    # Nobody else has had them, so neither is a theft.
    assert (await me(open_app, ended)).status_code == 200
    for token in ("", "x", "tdr_" + "a" * 43, ended["access_token"][:200]):
        assert (await refreshed(open_app, token)).status_code == 400


async def test_a_session_is_not_renewed_for_ever(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann")
    tokens = await signed_in(open_app, "ann")
    seeds.write(text("update sessions set expires_at = now() + interval '1 day'"))
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 200
    latest = "select max(expires_at) <= max(now() + interval '1 day') from refresh_tokens"
    assert seeds.write(text(f"{latest} where used_at is null")).scalar_one()


async def test_signing_out_ends_the_tokens_everywhere(
    open_app: httpx.AsyncClient, people: People, start: Start, signing_keys_file: object
) -> None:
    people.add("ann")
    other = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    tokens, kept = await signed_in(open_app, "ann"), await signed_in(open_app, "ann")
    out = await open_app.post("/v1/auth/sign-out", headers=bearer(tokens))
    assert out.status_code == 204
    assert (await me(open_app, tokens)).status_code == 401
    assert (await refreshed(open_app, tokens["refresh_token"])).status_code == 400

    async def refused() -> bool:
        return (await me(other, tokens)).status_code == 401

    await until(refused)
    for client in (open_app, other):
        assert (await me(client, kept)).status_code == 200


async def test_the_oldest_sessions_of_an_account_end(
    open_app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    people.add("ann")
    first = await signed_in(open_app, "ann")
    await asyncio.gather(*(sign_in(open_app, "ann") for _ in range(15)))
    seeds.write(
        text(
            "insert into sessions (session_id, account_id, kind, expires_at)"
            " select gen_random_uuid(), account_id, 'token', now() + interval '1 day'"
            " from accounts, generate_series(1, 60)"
        )
    )
    last = await signed_in(open_app, "ann")
    in_force = text("select count(*) from sessions where ended_at is null")
    assert seeds.write(in_force).scalar_one() <= 51
    assert (await refreshed(open_app, first["refresh_token"])).status_code == 400
    assert (await refreshed(open_app, last["refresh_token"])).status_code == 200
