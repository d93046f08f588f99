"""What must stand nowhere: passwords, tokens and links, in no log, no answer and no database."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import structlog
from argon2.profiles import RFC_9106_LOW_MEMORY
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from domain.errors import InvalidInputError
from serving.access.random_tokens import (
    LINK,
    REFRESH,
    SESSION,
    csrf_token,
    generate_token,
    has_token_form,
    hash_token,
    is_csrf_token,
)
from serving.access.revocations import session_subject
from serving.accounts import passwords
from serving.accounts.names import generate_user_id, name_key
from serving.accounts.passwords import check_password, hash_password, is_password, normalized
from serving.http.forms import parsed_form
from serving.runtime.faults import MalformedBodyError
from stack.local.servers.binaries import postgres_program
from tests.serving.accounts.people import (
    People,
    bearer,
    refreshed,
    register,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds

FIRST, SECOND, WRONG = "the first password of all", "the second one", "a wrong one, tried"


async def everything(client: httpx.AsyncClient, people: People) -> set[str]:
    """Do all that there is, well and badly; the secrets that were sent or answered."""
    people.add("boss", "admin", FIRST)
    boss = await signed_in(client, "boss", FIRST)
    headers = bearer(boss)
    invited = await client.post("/v1/admin/accounts", json={"role": "viewer"}, headers=headers)
    link = invited.json()
    made = await register(client, "ann", FIRST, invitation=link["link"])
    assert made.status_code == 201
    assert (await register(client, "ann", SECOND)).status_code == 409
    assert (await sign_in(client, "ann", WRONG)).status_code == 400
    first = await signed_in(client, "ann", FIRST)
    second = (await refreshed(client, first["refresh_token"])).json()
    body = {"current": FIRST, "new": SECOND}
    await client.post("/v1/auth/password", json=body, headers=bearer(second))
    path = f"/v1/admin/accounts/{made.json()['account_id']}/reset"
    reset = (await client.post(path, headers=headers)).json()
    await client.post("/v1/auth/reset", json={"link": reset["link"], "password": WRONG})
    session = await client.post("/v1/auth/session", json={"name": "boss", "password": FIRST})
    cookie = session.headers["set-cookie"].partition(";")[0].partition("=")[2]
    await refreshed(client, first["refresh_token"])
    malformed = b"password=" + FIRST.encode() + b"\xff"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await client.post("/v1/auth/token", content=malformed, headers=form)
    await client.post("/v1/auth/session", json={"name": FIRST, "passwort": FIRST})
    pairs = (boss, first, second)
    tokens = {pair[name] for pair in pairs for name in ("access_token", "refresh_token")}
    links = {link["link"], reset["link"]}
    return {FIRST, SECOND, WRONG, cookie, session.json()["csrf_token"], *tokens, *links}


async def test_no_secret_stands_in_a_log(
    open_app: httpx.AsyncClient, people: People, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs, caplog.at_level("DEBUG"):
        secrets = await everything(open_app, people)
    written = json.dumps(logs, default=str) + caplog.text
    assert "/v1/auth/token" in written
    assert "argon2" not in written.lower()
    assert not [secret for secret in secrets if secret in written]
    for row in people.seeds.write(text("select password_hash from accounts")):
        assert row.password_hash not in written


async def test_no_secret_stands_in_the_database(
    open_app: httpx.AsyncClient, people: People, database_name: str, postgres: Any
) -> None:
    secrets = await everything(open_app, people)
    program = [postgres_program("pg_dump"), postgres.url(database_name)]
    done = await asyncio.to_thread(subprocess.run, program, capture_output=True, check=True)
    dumped = done.stdout.decode()
    assert dumped.count("$argon2id$") == 2
    assert "refresh_tokens" in dumped
    assert not [secret for secret in secrets if secret in dumped]
    # Nor as bytes: what is stored of tokens are their hashes.
    assert not [secret for secret in secrets if secret.encode().hex() in dumped]


async def test_no_answer_to_a_mistake_repeats_what_was_sent(
    open_app: httpx.AsyncClient,
) -> None:
    for body in (
        {"name": "ann", "password": 5, "secret": WRONG},
        {"name": "ann", "password": [WRONG]},
        {"name": "ann", "password": WRONG * 100},
    ):
        answer = await open_app.post("/v1/auth/register", json=body)
        assert answer.status_code == 422
        assert WRONG not in answer.text


def test_sql_and_python_know_a_session_by_the_same_subject(seeds: Seeds) -> None:
    number = "5b8a9d4e-3c57-4b0e-9d0a-7a6c1f2e8d31"
    subject = seeds.write(text(f"select session_subject('{number}')")).scalar_one()
    assert bytes(subject) == session_subject(number)


@given(st.text(max_size=40))
def test_a_name_is_compared_in_one_way(name: str) -> None:
    key = name_key(name)
    assert name_key(key) == key
    assert name_key(name.upper()) == name_key(name_key(name.upper()))
    assert normalized(normalized(name)) == normalized(name)


@given(st.text(min_size=8, max_size=40))
def test_a_password_that_is_taken_is_known_again_and_no_other_is(password: str) -> None:
    try:
        check_password(password, "ann")
        hashed = hash_password(password)
    except (InvalidInputError, UnicodeEncodeError):
        return
    assert is_password(password, hashed)
    assert is_password(normalized(password), hashed)
    assert not is_password(password + "x", hashed)
    assert not is_password("", hashed)


def test_nobodys_hash_costs_what_others_cost_and_is_nobodys() -> None:
    real, nobodys = hash_password("a good password"), passwords.nobodys_hash()
    assert nobodys.split("$")[:4] == real.split("$")[:4]
    assert len(nobodys) == len(real)
    for password in ("", "a good password"):
        assert not is_password(password, nobodys)
    assert passwords.nobodys_hash() != nobodys


def test_hashes_are_made_with_the_parameters_of_rfc_9106() -> None:
    source = Path(passwords.__file__).read_text(encoding="utf-8")
    assert "PARAMETERS: Parameters = RFC_9106_LOW_MEMORY" in source
    assert (RFC_9106_LOW_MEMORY.memory_cost, RFC_9106_LOW_MEMORY.time_cost) == (65_536, 3)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5))
def test_a_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    try:
        body = urlencode(fields).encode()
    except UnicodeEncodeError:
        return
    assert parsed_form(body) == fields


@given(st.binary(max_size=60))
def test_a_body_is_a_form_or_malformed(body: bytes) -> None:
    try:
        fields = parsed_form(body)
    except MalformedBodyError:
        return
    assert all(isinstance(value, str) for value in fields.values())


def test_tokens_are_random_and_known_by_their_beginning() -> None:
    for beginning in (SESSION, REFRESH, LINK):
        made = generate_token(beginning)
        assert made.token.startswith(beginning)
        assert len(made.token) == 4 + 43
        assert made.token_hash == hash_token(made.token)
        assert generate_token(beginning).token != made.token
        for other in (SESSION, REFRESH, LINK):
            assert has_token_form(made.token, other) == (other == beginning)
        assert is_csrf_token(csrf_token(made.token), made.token)
        assert not is_csrf_token(csrf_token(made.token), made.token + "x")
    assert generate_user_id() != generate_user_id()
