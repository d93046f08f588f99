"""No key, token or signing key is written anywhere, however a request with one goes wrong."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import text

from serving.access.signing_keys import read_signing_keys
from stack.local.servers.binaries import postgres_program
from tests.serving.conftest import Seeds, event, until
from tests.serving.process import RunApi, run_api

__all__ = ["run_api"]

BROKEN = "alter table audit_log rename to audit_log_away"


class Asking:
    """Asks, and keeps all that is answered."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.answered = b""

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, *, kept: bool = True, **more: Any) -> httpx.Response:
        """`kept`: false where the answer may have the secret, which is shown this once."""
        answer = self._client.request(method, path, **more)
        if kept:
            self.answered += answer.content + str(answer.headers).encode()
        return answer


def used_rightly(asking: Asking, key: str) -> tuple[str, str]:
    """A token and another key, made with this one and used."""
    mine = {"X-API-Key": key}
    made = asking.ask("POST", "/v1/tokens", json={"user_id": "ann"}, headers=mine, kept=False)
    body = {"name": "second", "scopes": ["read", "write"]}
    second = asking.ask("POST", "/v1/admin/keys", json=body, headers=mine, kept=False)
    token, other = str(made.json()["token"]), str(second.json()["key"])
    for headers in ({"X-API-Key": other}, {"Authorization": f"Bearer {token}"}, mine):
        sent = {"events": [event("ann", 1)]}
        assert asking.ask("POST", "/v1/events", json=sent, headers=headers).status_code == 202
        for path in ("/v1/users/ann/recommendations", "/v1/search?q=film", "/v1/popular"):
            assert asking.ask("GET", path, headers=headers).status_code == 200
    for path in ("/v1/admin/keys", "/v1/admin/audit", "/v1/admin/diagnose", "/v1/users/ann"):
        assert asking.ask("GET", path, headers=mine).status_code == 200
    return token, other


def used_wrongly(asking: Asking, secret: str, mine: dict[str, str]) -> None:
    """Where a person or a program may put it by mistake."""
    statuses = set()
    for name, value in (
        ("X-API-Key", f"{secret}x"), ("X-API-Key", secret[:-1]), ("X-API-Key", f"Bearer {secret}"),
        ("Authorization", secret), ("Authorization", f"Basic {secret}"),
        ("Authorization", f"Bearer {secret}x"), ("Authorization", f"Bearer Bearer {secret}"),
        ("Api-Key", secret), ("Cookie", f"key={secret}"), ("User-Agent", secret),
        ("Content-Type", f"application/json; charset={secret}"),
    ):  # fmt: skip
        for method, path in (("GET", "/v1/popular"), ("POST", "/v1/events"), ("GET", "/nothing")):
            kept = name != "Content-Type"
            statuses.add(
                asking.ask(method, path, headers={name: value}, json={}, kept=kept).status_code
            )
            asking.ask(method, path, headers={**mine, name: value}, json={}, kept=kept)
    assert statuses >= {401, 404}
    for body in (
        f'{{"key": "{secret}"', f'"{secret}"', f"[{secret}]", f'{{"events": "{secret}"}}',
        f'{{"token": "{secret}"}}', f'{{"events": [{{"kind": 1, "value": "{secret}"}}]}}',
    ):  # fmt: skip
        headers = {**mine, "Content-Type": "application/json"}
        for path in ("/v1/events", "/v1/tokens", "/v1/admin/keys"):
            assert asking.ask("POST", path, content=body, headers=headers).status_code in {400, 422}
    for query in (f"api_key={secret}", f"limit={secret}"):
        assert asking.ask("GET", f"/v1/popular?{query}", headers=mine).status_code == 422
    # What is asked for is named in the answer, to whoever has just named it.
    for path in (f"/v1/{secret}", f"/v1/items/{secret}", f"/v1/users/{secret}", f"/?key={secret}"):
        answer = asking.ask("GET", path, headers=mine, kept=False)
        # No such thing, longer than an id, or a page for people, which takes no key.
        assert answer.status_code in {403, 404, 422}


@pytest.fixture
def dumped(database_url: str, owner_url: str, redis_url: str) -> Any:
    """Asks for all that PostgreSQL and Redis have."""

    def dump() -> bytes:
        program = postgres_program("pg_dump")
        rows = subprocess.run([program, "--dbname", owner_url], check=True, capture_output=True)
        with redis.Redis.from_url(redis_url) as client:
            compression = client.config_get("rdbcompression")["rdbcompression"]
            client.config_set("rdbcompression", "no")
            values = [key + (client.dump(key) or b"") for key in client.scan_iter("*")]
            client.config_set("rdbcompression", compression)
        assert b"create table public.api_keys" in rows.stdout.lower()
        return rows.stdout + b"".join(values)

    return dump


async def test_secrets_are_in_no_log_no_answer_and_no_store(
    run_api: RunApi, seeds: Seeds, signing_keys_file: Path, tmp_path: Path, dumped: Any
) -> None:
    api = run_api(signing_keys_file=signing_keys_file, log_level="DEBUG", api_key_seconds=1)
    key = seeds.key("read", "write", "users", "token", "admin", name="all")
    asking, mine = Asking(api.port), {"X-API-Key": key}
    token, other = used_rightly(asking, key)
    for secret in (key, token, other):
        used_wrongly(asking, secret, mine)

    async def use_is_noted() -> bool:
        keys = asking.ask("GET", "/v1/admin/keys", headers=mine).json()["keys"]
        return all(each["last_used_at"] for each in keys if each["name"] in {"all", "second"})

    await until(use_is_noted)
    stored = dumped()
    with seeds.engine.begin() as connection:
        connection.execute(text(BROKEN))
    for method, path, body in (
        ("GET", "/v1/admin/audit", None),
        ("POST", "/v1/admin/keys", {"name": "third", "scopes": ["read"]}),
        ("DELETE", "/v1/admin/keys/1", None),
    ):
        failed = asking.ask(method, path, json=body, headers=mine)
        assert failed.status_code == 500, failed.text
    for number, headers in enumerate((mine, {"Authorization": f"Bearer {token}"})):
        with seeds.engine.begin() as connection:
            connection.execute(text(f"alter table items rename to items_away_{number}"))
        assert asking.ask("GET", "/v1/items/film-1", headers=headers).status_code == 500
        with seeds.engine.begin() as connection:
            connection.execute(text(f"alter table items_away_{number} rename to items"))
    asking.close()
    log = api.log.read_bytes()
    assert log.count(b"request_failed") == 5
    signing = read_signing_keys(signing_keys_file)[0].secret
    _, claims, signature = token.split(".")
    secrets = {
        # A key's beginning is known; what follows is not.
        "the key": key[12:], "the other key": other[12:],
        "the token": claims, "its signature": signature,
        "the signing key": base64.b64encode(signing).decode(), "the same": signing.hex(),
    }  # fmt: skip
    places = {"log": log, "answers": asking.answered, "stores": stored}
    found = [
        (name, place)
        for name, secret in secrets.items()
        for place, content in places.items()
        if secret.encode() in content or json.dumps(secret).encode() in content
    ]
    assert found == []
