"""Tokens for one user: what they open, how long, and how they end."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from domain.errors import InvalidInputError
from domain.identifiers import LONGEST_ID
from serving.access.signing_keys import (
    LONGEST_TOKEN,
    ROTATION_DELAY,
    SigningKeys,
    read_signing_keys,
    rotate_signing_keys,
)
from serving.runtime.faults import NoSigningKeysError
from tests.serving.conftest import (
    Gate,
    Seeds,
    Start,
    event,
    faults,
    ids,
    recommended,
    send,
    token_of,
    until,
)


async def events_sent(
    client: httpx.AsyncClient, headers: dict[str, str], *events: dict[str, Any]
) -> httpx.Response:
    return await client.post("/v1/events", json={"events": list(events)}, headers=headers)


async def test_a_token_reads_its_users_list_as_me_and_by_name(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    token = await token_of(with_tokens, "ann")
    expected = ids(await recommended(with_tokens, "ann"))
    for user in ("me", "ann"):
        answer = await with_tokens.get(f"/v1/users/{user}/recommendations", headers=token)
        assert ids(answer) == expected
        assert answer.json()["user_id"] == "ann"
    for asked in ("popular?", "search?q=film&", "similar?item_id=film-1&", "items/film-1/similar?"):
        answer = await with_tokens.get(f"/v1/{asked}user_id=me", headers=token)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("character", ["a", "\u65e5", "\U0001f600"])
async def test_the_longest_ids_have_tokens_too(
    with_tokens: httpx.AsyncClient, character: str
) -> None:
    user = character * LONGEST_ID
    token = await token_of(with_tokens, user)
    answer = await with_tokens.get("/v1/users/me/recommendations", headers=token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user_id"] == user


async def test_a_token_opens_nothing_of_others(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.user("bob")
    token = await token_of(with_tokens, "ann")
    for path in (
        "/v1/users/bob/recommendations",
        "/v1/users/%62ob/recommendations",
        "/v1/users/ANN/recommendations",
        "/v1/users/nobody/recommendations",
        "/v1/popular?user_id=bob",
        "/v1/popular?user%5Fid=bob",
        "/v1/popular?user_id=%62ob",
        "/v1/search?q=film&user_id=bob",
        "/v1/items/film-1/similar?user_id=bob",
        "/v1/popular?user_id=me&user_id=bob",
    ):
        answer = await with_tokens.get(path, headers=token)
        assert answer.status_code == 403, path
        assert answer.json()["type"] == "urn:tandem:problem:forbidden"
    for method, path in (
        ("GET", "/v1/users/ann"),
        ("GET", "/v1/users/me"),
        ("DELETE", "/v1/users/me"),
        ("PUT", "/v1/items/x"),
        ("POST", "/v1/tokens"),
        ("GET", "/v1/loads"),
        ("GET", "/v1/admin/diagnose"),
    ):
        body = {"title": "X"} if method in {"PUT", "POST"} else None
        answer = await with_tokens.request(method, path, headers=token, json=body)
        assert answer.status_code == 403, path


async def test_a_token_writes_events_of_its_user_only(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    token = await token_of(with_tokens, "ann")
    assert (await events_sent(with_tokens, token, event("me", 1))).status_code == 202
    assert (await events_sent(with_tokens, token, event("ann", 2))).status_code == 202
    refused = await events_sent(with_tokens, token, event("me", 3), event("bob", 3))
    assert refused.status_code == 403
    assert seeds.count("interactions") == 2
    assert seeds.count("users") == 1


async def test_ids_of_events_are_the_users_own(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    """Or who guesses an id of another's order could take it first."""
    ann, bob = await token_of(with_tokens, "ann"), await token_of(with_tokens, "bob")
    order = {"event_id": "order-1"}
    for headers, user in ((ann, "me"), (bob, "me"), ({}, "eve")):
        sent = await events_sent(with_tokens, headers, event(user, 1, **order))
        assert (sent.status_code, sent.json()["accepted"]) == (202, 1)
        again = await events_sent(with_tokens, headers, event(user, 1, **order))
        assert (again.status_code, again.json()["duplicates"]) == (202, 1)
    assert (await with_tokens.delete("/v1/events/order-1", headers=ann)).json()["deleted"]
    assert not (await with_tokens.delete("/v1/events/order-1", headers=ann)).json()["deleted"]
    assert (await with_tokens.delete("/v1/events/order-2", headers=ann)).status_code == 404
    assert seeds.count("interactions") == 2
    # What was sent without an id is deleted by the id it got.
    unnamed = await events_sent(with_tokens, bob, event("me", 2))
    (event_id,) = unnamed.json()["event_ids"]
    assert (await with_tokens.delete(f"/v1/events/{event_id}", headers=ann)).status_code == 404
    assert (await with_tokens.delete(f"/v1/events/{event_id}", headers=bob)).json()["deleted"]


async def test_me_is_nobodys_id(with_tokens: httpx.AsyncClient) -> None:
    answer = await recommended(with_tokens, "me")
    assert (answer.status_code, "stands for the user of a token" in answer.text) == (422, True)
    sent = await send(with_tokens, event("me", 1), event("ann", 1))
    assert list(faults(sent)) == ["/events/0/user_id"]
    assert (await with_tokens.put("/v1/users/me", json={})).status_code == 422
    assert (await with_tokens.get("/v1/popular?user_id=me")).status_code == 422
    assert (await with_tokens.post("/v1/tokens", json={"user_id": "me"})).status_code == 422


async def test_causes_are_told_to_the_user_they_are_about(
    with_tokens: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.listed_user("ann")
    token = await token_of(with_tokens, "ann")
    own = await with_tokens.get("/v1/users/me/recommendations?explain=true", headers=token)
    assert own.json()["because_withheld"] is None
    with_tokens.headers["X-API-Key"] = seeds.key("read", name="reader")
    assert (await recommended(with_tokens, "ann", explain="true")).json()["because_withheld"]


async def test_a_token_ends_when_it_says(
    with_tokens: httpx.AsyncClient, signing_keys_file: Path
) -> None:
    made = (await with_tokens.post("/v1/tokens", json={"user_id": "ann", "seconds": 60})).json()
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    for seconds in (0, -1, 86_401, 1.5, "60"):
        answer = await with_tokens.post("/v1/tokens", json={"user_id": "ann", "seconds": seconds})
        assert answer.status_code == 422, seconds
    expired = signed(signing_keys_file, exp=int(time.time()) - 60)
    assert (await own_list(with_tokens, expired)).status_code == 401
    good = signed(signing_keys_file)
    assert (await own_list(with_tokens, good)).status_code == 200


def signed(file: Path, *, algorithm: str = "HS256", key: bytes | None = None, **claims: Any) -> str:
    """A token as Tandem makes it, but for what is given; None leaves a claim out."""
    newest = read_signing_keys(file)[-1]
    now = time.time()
    usual = {"typ": "user", "sub": "ann", "iss": "tandem", "iat": now, "exp": int(now) + 60}
    payload = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    headers = {"kid": newest.key_id}
    secret = None if algorithm == "none" else key or newest.secret
    return jwt.encode(payload, secret, algorithm, headers=headers)


async def own_list(client: httpx.AsyncClient, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "X-API-Key": ""}
    return await client.get("/v1/users/me/recommendations", headers=headers)


async def test_what_is_not_quite_a_token_opens_nothing(
    with_tokens: httpx.AsyncClient, signing_keys_file: Path
) -> None:
    good = signed(signing_keys_file)
    head, body, signature = good.split(".")
    tampered = jwt.utils.base64url_encode(
        jwt.utils.base64url_decode(body).replace(b"ann", b"bob")
    ).decode()
    for token in (
        "", "x", "a.b.c", good[:-2], f"{head}.{tampered}.{signature}", f"{head}.{body}.",
        signed(signing_keys_file, algorithm="none"),
        signed(signing_keys_file, key=b"another key that is long enough 12"),
        signed(signing_keys_file, algorithm="HS512"),
        signed(signing_keys_file, iss="other"), signed(signing_keys_file, iss=None),
        signed(signing_keys_file, exp=None), signed(signing_keys_file, iat=None),
        signed(signing_keys_file, sub=None), signed(signing_keys_file, typ=None),
        signed(signing_keys_file, typ="team"),
        signed(signing_keys_file, typ="team", sub="1", name="x", role="owner"),
        signed(signing_keys_file, typ="team", sub="one", name="x", role="admin"),
        signed(signing_keys_file, iat=time.time() + 3600),
        "x" * 100_000,
    ):  # fmt: skip
        answer = await own_list(with_tokens, token)
        assert answer.status_code == 401, token[:60]
        assert "Bearer" in answer.headers["www-authenticate"]
    for sent in ("Basic YTpi", "Bearer", good, "Token x", f"Bearer\t{good}"):
        headers = {"Authorization": sent, "X-API-Key": ""}
        answer = await with_tokens.get("/v1/popular", headers=headers)
        assert answer.status_code == 401, sent
    both = {"Authorization": f"Bearer {good}"}
    answer = await with_tokens.get("/v1/popular", headers=both)
    assert (answer.status_code, "not both" in answer.text) == (401, True)


async def test_revoked_tokens_end_everywhere_and_later_ones_are_good(
    with_tokens: httpx.AsyncClient, start: Start, signing_keys_file: Path
) -> None:
    other = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    ann, bob = await token_of(with_tokens, "ann"), await token_of(with_tokens, "bob")
    for _ in range(2):
        assert (await with_tokens.delete("/v1/users/ann/tokens")).status_code == 204

    async def refused() -> bool:
        answer = await other.get("/v1/users/me/recommendations", headers=ann)
        return answer.status_code == 401

    await until(refused)
    assert (await with_tokens.get("/v1/popular", headers=ann)).status_code == 401
    later = await token_of(with_tokens, "ann")
    for client in (with_tokens, other):
        assert (await client.get("/v1/popular", headers=bob)).status_code == 200
        assert (await client.get("/v1/popular", headers=later)).status_code == 200


async def test_who_is_forgotten_has_no_token(with_tokens: httpx.AsyncClient) -> None:
    token = await token_of(with_tokens, "ann")
    await events_sent(with_tokens, token, event("me", 1))
    assert (await with_tokens.delete("/v1/users/ann")).status_code == 200
    assert (await events_sent(with_tokens, token, event("me", 1))).status_code == 401


async def test_tokens_work_while_the_database_is_away(
    with_tokens: httpx.AsyncClient, gate: Gate
) -> None:
    token = await token_of(with_tokens, "ann")
    gate.shut()
    answer = await with_tokens.get("/v1/users/me/recommendations", headers=token)
    assert answer.status_code == 200
    assert (await token_of(with_tokens, "bob"))["Authorization"]


async def test_without_signing_keys_there_are_no_tokens(start: Start, seeds: Seeds) -> None:
    client = await start()
    client.headers["X-API-Key"] = seeds.key("token", name="maker")
    answer = await client.post("/v1/tokens", json={"user_id": "ann"})
    assert answer.status_code == 501
    assert "TANDEM_SIGNING_KEYS_FILE" in answer.json()["detail"]


async def test_keys_are_rotated_without_a_break(
    start: Start, seeds: Seeds, signing_keys_file: Path
) -> None:
    client = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    client.headers["X-API-Key"] = seeds.key("token", "read", name="maker")
    before = await token_of(client, "ann")
    old = read_signing_keys(signing_keys_file)[-1]
    # As long ago as it takes until a new key signs.
    new = rotate_signing_keys(signing_keys_file, datetime.now(UTC) - ROTATION_DELAY)

    async def signed_by_new() -> bool:
        token = (await token_of(client, "ann"))["Authorization"].removeprefix("Bearer ")
        return str(jwt.get_unverified_header(token)["kid"]) == new.key_id

    await until(signed_by_new)
    assert (await client.get("/v1/popular", headers=before)).status_code == 200
    assert old.key_id != new.key_id


def damage(file: Path) -> None:
    file.write_text("{")


async def test_a_damaged_file_of_signing_keys_keeps_no_revocation_from_being_known(
    with_tokens: httpx.AsyncClient, start: Start, signing_keys_file: Path
) -> None:
    other = await start(signing_keys_file=signing_keys_file, api_key_seconds=0.1)
    token = await token_of(with_tokens, "ann")
    assert (await other.get("/v1/popular", headers=token)).status_code == 200
    damage(signing_keys_file)
    assert (await with_tokens.delete("/v1/users/ann/tokens")).status_code == 204

    async def refused() -> bool:
        return (await other.get("/v1/popular", headers=token)).status_code == 401

    await until(refused)
    assert (await with_tokens.get("/v1/popular")).status_code == 200


def test_a_new_key_waits_and_an_old_one_stays_as_long_as_its_tokens(tmp_path: Path) -> None:
    file, began = tmp_path / "keys.json", datetime(2026, 1, 1, tzinfo=UTC)
    first = rotate_signing_keys(file, began)
    assert first.signs_from == began
    later = began + timedelta(days=10)
    second = rotate_signing_keys(file, later)
    assert second.signs_from == later + ROTATION_DELAY
    assert [key.ends_at for key in read_signing_keys(file)] == [
        second.signs_from + LONGEST_TOKEN,
        None,
    ]
    third = rotate_signing_keys(file, later + timedelta(days=10))
    assert [key.key_id for key in read_signing_keys(file)] == [second.key_id, third.key_id]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_no_file_of_keys_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    rotate_signing_keys(file)
    keys = SigningKeys(file)
    keys.refresh()
    known = keys.signing()
    entry = json.loads(file.read_text())[0]
    for content in ("", "[]", "{}", "[1]", json.dumps([{**entry, "secret": "c2hvcnQ="}])):
        file.write_text(content)
        with pytest.raises(InvalidInputError) as refused:
            read_signing_keys(file)
        assert "c2hv" not in str(refused.value)
        with pytest.raises(InvalidInputError):
            keys.refresh()
        assert keys.signing() == known, "the last good ones stay in force"
    with pytest.raises(NoSigningKeysError):
        SigningKeys(None).signing()
