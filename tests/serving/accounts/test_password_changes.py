"""Another password: by who knows the old one, by a link, and through the app's webhook."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import text

from serving.settings import ServingSettings
from tests.http_server import served
from tests.serving.accounts.people import (
    PASSWORD,
    People,
    bearer,
    me,
    refreshed,
    sign_in,
    signed_in,
)
from tests.serving.conftest import Seeds, Start, faults, until

NEW = "quite another password"
SECRET = b"a secret of both that is long enough"


async def change(
    client: httpx.AsyncClient, tokens: Any, current: str = PASSWORD, new: str = NEW
) -> httpx.Response:
    body = {"current": current, "new": new}
    return await client.post("/v1/auth/password", json=body, headers=bearer(tokens))


async def reset(client: httpx.AsyncClient, link: str, password: str = NEW) -> httpx.Response:
    return await client.post("/v1/auth/reset", json={"link": link, "password": password})


async def reset_link(client: httpx.AsyncClient, tokens: Any, account_id: int) -> str:
    path = f"/v1/admin/accounts/{account_id}/reset"
    made = await client.post(path, headers=bearer(tokens))
    assert made.status_code == 201, made.text
    assert made.json()["path"] == f"/sign-in#reset={made.json()['link']}"
    return str(made.json()["link"])


async def test_another_password_ends_all_sessions_but_the_one_it_was_changed_in(
    open_app: httpx.AsyncClient, people: People
) -> None:
    for role in ("viewer", "user"):
        people.add(role, role)
        here, elsewhere = await signed_in(open_app, role), await signed_in(open_app, role)
        assert (await change(open_app, here)).status_code == 204
        assert (await me(open_app, here)).status_code == 200
        assert (await refreshed(open_app, here["refresh_token"])).status_code == 200
        assert (await me(open_app, elsewhere)).status_code == 401
        assert (await refreshed(open_app, elsewhere["refresh_token"])).status_code == 400
        assert (await sign_in(open_app, role)).status_code == 400
        assert (await sign_in(open_app, role, NEW)).status_code == 200


async def test_a_found_token_is_no_way_to_guess_the_password(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("ann")
    tokens = await signed_in(open_app, "ann")
    statuses = [(await change(open_app, tokens, "a wrong one")).status_code for _ in range(12)]
    assert statuses == [400] * 10 + [429] * 2
    assert (await change(open_app, tokens)).status_code == 429


async def test_a_new_password_has_to_be_a_good_one(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("annabella")
    tokens = await signed_in(open_app, "annabella")
    for new in ("short", "Annabella", "password"):
        assert (await change(open_app, tokens, new=new)).status_code == 422
    wrong = {"current": PASSWORD, "new": NEW, "newer": NEW}
    answer = await open_app.post("/v1/auth/password", json=wrong, headers=bearer(tokens))
    assert list(faults(answer)) == ["/newer"]
    assert NEW not in answer.text


async def test_a_link_ends_with_the_password_it_was_made_for(
    open_app: httpx.AsyncClient, people: People
) -> None:
    boss = people.add("boss")
    tokens = await signed_in(open_app, "boss")
    link = await reset_link(open_app, tokens, boss)
    assert (await change(open_app, tokens)).status_code == 204
    assert (await reset(open_app, link)).status_code == 410


async def test_a_link_is_good_once_and_ends_all_sessions(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("boss")
    ann = people.add("ann", "viewer")
    boss, before = await signed_in(open_app, "boss"), await signed_in(open_app, "ann")
    unused, link = [await reset_link(open_app, boss, ann) for _ in range(2)]
    assert (await reset(open_app, link, "ann")).status_code == 422
    assert (await reset(open_app, link)).status_code == 204
    for spent in (link, unused):
        again = await reset(open_app, spent)
        assert (again.status_code, again.json()["type"]) == (410, "urn:tandem:problem:link-gone")
    assert (await me(open_app, before)).status_code == 401
    assert (await refreshed(open_app, before["refresh_token"])).status_code == 400
    assert (await sign_in(open_app, "ann")).status_code == 400
    assert (await sign_in(open_app, "ann", NEW)).status_code == 200


async def test_of_two_who_use_one_link_at_once_one_is_first(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("boss")
    ann = people.add("ann", "viewer", None)
    boss = await signed_in(open_app, "boss")
    for _ in range(3):
        link = await reset_link(open_app, boss, ann)
        passwords = [f"the password of {n} here" for n in range(4)]
        answers = await asyncio.gather(*(reset(open_app, link, each) for each in passwords))
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [204, 410, 410, 410]
        chosen = passwords[statuses.index(204)]
        assert (await sign_in(open_app, "ann", chosen)).status_code == 200


async def test_a_link_of_an_account_that_was_disabled_since_opens_nothing(
    open_app: httpx.AsyncClient, people: People
) -> None:
    people.add("boss")
    ann = people.add("ann", "viewer")
    boss = await signed_in(open_app, "boss")
    link = await reset_link(open_app, boss, ann)
    people.change("ann", disabled_at="now")
    assert (await reset(open_app, link)).status_code == 410
    for unknown in (ann, 10_000):
        path = f"/v1/admin/accounts/{unknown}/reset"
        assert (await open_app.post(path, headers=bearer(boss))).status_code == 404


class Received:
    """What an app was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 204


@pytest.fixture
def received() -> Iterator[Received]:
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.requests.append((dict(self.headers), body))
            self.send_response(received.status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with served(Handler) as origin:
        received.url = f"{origin}/hooks/reset?from=tandem"
        yield received


@pytest.fixture
async def with_webhook(start: Start, tmp_path: Path, received: Received) -> httpx.AsyncClient:
    secret = tmp_path / "webhook.secret"
    secret.write_bytes(SECRET + b"\n")
    client = await start(reset_webhook=received.url, reset_webhook_secret_file=secret)
    client.headers["X-API-Key"] = ""
    return client


async def asked(client: httpx.AsyncClient, name: str) -> httpx.Response:
    return await client.post("/v1/auth/reset-request", json={"name": name})


async def test_the_app_is_sent_a_link_that_it_can_tell_from_a_forged_one(
    with_webhook: httpx.AsyncClient, people: People, received: Received
) -> None:
    ann = people.add("ann", "user")
    answer = await asked(with_webhook, "ANN")
    assert (answer.status_code, answer.content) == (202, b"")

    async def was_sent() -> bool:
        return bool(received.requests)

    await until(was_sent)
    ((headers, body),) = received.requests
    sent = json.loads(body)
    assert (sent["type"], sent["account_id"], sent["name"]) == ("password_reset", ann, "ann")
    assert sent["user_id"] == "u_ann"
    parts = dict(part.split("=") for part in headers["Tandem-Signature"].split(","))
    assert abs(int(parts["t"]) - time.time()) < 60
    signed = hmac.new(SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == signed
    assert (await reset(with_webhook, sent["link"])).status_code == 204


async def test_who_asks_is_not_told_whether_there_is_an_account(
    with_webhook: httpx.AsyncClient, people: People, received: Received, seeds: Seeds
) -> None:
    people.add("boss")
    people.add("gone", "user", disabled_at="now")
    people.add("ann", "user")
    received.status = 302
    answers = [await asked(with_webhook, name) for name in ("nobody", "boss", "gone", "ann", "ann")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}

    async def was_sent() -> bool:
        return bool(received.requests)

    await until(was_sent)
    await asyncio.sleep(0.2)
    # One for all that are asked for within minutes; nobody of the team; no redirect is followed.
    assert [json.loads(body)["name"] for _, body in received.requests] == ["ann"]
    assert seeds.count("account_links") == 1


async def test_of_many_who_ask_at_once_one_is_sent(
    with_webhook: httpx.AsyncClient, people: People, received: Received, seeds: Seeds
) -> None:
    names = [f"ann{n}" for n in range(8)]
    for name in names:
        people.add(name, "user")
    await asyncio.gather(*(asked(with_webhook, name) for name in names for _ in range(4)))

    async def were_sent() -> bool:
        return len(received.requests) >= len(names)

    await until(were_sent)
    await asyncio.sleep(0.2)
    assert sorted(json.loads(body)["name"] for _, body in received.requests) == names
    assert seeds.count("account_links") == len(names)


async def test_an_app_that_does_not_answer_holds_nobody_up(
    start: Start, people: People, tmp_path: Path
) -> None:
    secret = tmp_path / "webhook.secret"
    secret.write_bytes(SECRET)
    nowhere = "http://127.0.0.1:9/none"
    client = await start(reset_webhook=nowhere, reset_webhook_secret_file=secret)
    people.add("ann", "user")
    for _ in range(3):
        assert (await asked(client, "ann")).status_code == 202


async def test_without_a_webhook_there_is_nobody_to_ask(open_app: httpx.AsyncClient) -> None:
    answer = await asked(open_app, "ann")
    assert (answer.status_code, "TANDEM_RESET_WEBHOOK" in answer.text) == (404, True)


def test_a_webhook_without_a_good_secret_is_refused_at_the_start(tmp_path: Path) -> None:
    given: dict[str, Any] = {"database_url": "postgresql://x", "redis_url": "redis://x"}
    short = tmp_path / "short"
    short.write_bytes(b"short")
    for file in (None, tmp_path / "missing", short):
        with pytest.raises(ValidationError, match=r"SECRET_FILE|missing|short"):
            ServingSettings(
                **given, reset_webhook="https://app.example", reset_webhook_secret_file=file
            )
    with pytest.raises(ValidationError, match="reset_webhook"):
        ServingSettings(**given, reset_webhook="ftp://app.example")


async def test_a_requested_link_lives_an_hour(
    with_webhook: httpx.AsyncClient, people: People, received: Received, seeds: Seeds
) -> None:
    people.add("ann", "user")
    await asked(with_webhook, "ann")

    async def was_sent() -> bool:
        return bool(received.requests)

    await until(was_sent)
    query = "select expires_at - created_at <= interval '1 hour' from account_links"
    assert seeds.write(text(query)).scalar_one()
