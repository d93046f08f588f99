"""Sessions of browsers: a cookie that no script can read, and a token against other sites."""

from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from serving.access.random_tokens import csrf_token
from tests.serving.accounts.people import PASSWORD, People, bearer, signed_in
from tests.serving.conftest import Gate, Seeds, Start, until


async def begin(client: httpx.AsyncClient, name: str = "ann", **more: Any) -> httpx.Response:
    body = {"name": name, "password": PASSWORD}
    answer = await client.post("/v1/auth/session", json=body, **more)
    assert answer.status_code == 201, answer.text
    return answer


def cookie_of(answer: httpx.Response) -> tuple[str, Any]:
    ((name, morsel),) = SimpleCookie(answer.headers["set-cookie"]).items()
    return name, morsel


def by_cookie(answer: httpx.Response, *, with_token: bool = True) -> dict[str, str]:
    name, morsel = cookie_of(answer)
    token = {"X-CSRF-Token": answer.json()["csrf_token"]} if with_token else {}
    return {"Cookie": f"{name}={morsel.value}", "X-API-Key": "", **token}


@pytest.fixture
async def app(start: Start, people: People) -> httpx.AsyncClient:
    people.add("ann")
    client = await start()
    client.headers["X-API-Key"] = ""
    client.cookies.jar.set_policy(_NoCookies())
    return client


class _NoCookies:
    """A test sends the cookies it means."""

    netscape = rfc2965 = hide_cookie2 = False
    rfc2109_as_netscape = None

    def set_ok(self, *_: object) -> bool:
        return False

    return_ok = domain_return_ok = path_return_ok = set_ok


async def test_the_cookie_is_for_this_host_and_no_script(app: httpx.AsyncClient) -> None:
    name, morsel = cookie_of(await begin(app))
    assert name == "tandem_session"
    attributes = {key: value for key, value in morsel.items() if value}
    assert attributes == {
        "httponly": True,
        "samesite": "strict",
        "path": "/",
        "max-age": "43200",
    }
    secure = await begin(app, headers={})
    assert secure.json()["account"]["name"] == "ann"
    answer = await app.post(
        httpx.URL("https://tandem/v1/auth/session"), json={"name": "ann", "password": PASSWORD}
    )
    name, morsel = cookie_of(answer)
    assert (name, morsel["secure"], morsel["domain"]) == ("__Host-tandem_session", True, "")


async def test_a_page_reads_by_cookie_and_writes_with_the_token_beside_it(
    app: httpx.AsyncClient,
) -> None:
    begun = await begin(app)
    cookie = by_cookie(begun, with_token=False)
    assert (await app.get("/v1/popular", headers=cookie)).status_code == 200
    assert (await app.get("/v1/admin/accounts", headers=cookie)).status_code == 200
    session = await app.get("/v1/auth/session", headers=cookie)
    assert session.json() == begun.json()
    assert (await app.get("/v1/auth/me", headers=cookie)).json()["role"] == "admin"
    for token in (None, "", "0" * 64, csrf_token("tds_" + "a" * 43), "\u00e9"):
        sent = cookie if token is None else {**cookie, "X-CSRF-Token": token.encode()}
        for method, path, body in (
            ("PUT", "/v1/items/x", {"title": "X"}),
            ("POST", "/v1/auth/sign-out", None),
            ("DELETE", "/v1/auth/session", None),
            ("PATCH", "/v1/admin/accounts/1", {"disabled": True}),
        ):
            refused = await app.request(method, path, json=body, headers=sent)
            assert (refused.status_code, "X-CSRF-Token" in refused.text) == (403, True), path
    allowed = await app.put("/v1/items/x", json={"title": "X"}, headers=by_cookie(begun))
    assert allowed.status_code == 201


async def test_a_key_or_a_token_counts_before_the_cookie(
    app: httpx.AsyncClient, people: People, seeds: Seeds
) -> None:
    cookie = by_cookie(await begin(app), with_token=False)
    reader = {**cookie, "X-API-Key": seeds.key("read", name="reader")}
    assert (await app.get("/v1/popular", headers=reader)).status_code == 200
    assert (await app.get("/v1/admin/accounts", headers=reader)).status_code == 403
    wrong = {**cookie, "Authorization": "Bearer x"}
    assert (await app.get("/v1/popular", headers=wrong)).status_code == 401


async def test_what_is_no_cookie_of_ours_opens_nothing(app: httpx.AsyncClient) -> None:
    _, morsel = cookie_of(await begin(app))
    good = morsel.value
    for cookie in (
        "", "tandem_session=", "tandem_session=x", f"tandem_session={good}x", f"other={good}",
        f"tandem_session=tds_{'a' * 43}", f"__Host-tandem_session={good}", "tandem_session",
        f"tandem_session={'x' * 20_000}",
    ):  # fmt: skip
        answer = await app.get("/v1/popular", headers={"Cookie": cookie})
        assert answer.status_code == 401, cookie[:60]
    for cookie in (f"a=b; tandem_session={good}", f'tandem_session="{good}"; c'):
        assert (await app.get("/v1/popular", headers={"Cookie": cookie})).status_code == 200
    # Over TLS a cookie that a page without TLS could have set counts nothing.
    over_tls = httpx.URL("https://tandem/v1/popular")
    plain = {"Cookie": f"tandem_session={good}"}
    assert (await app.get(over_tls, headers=plain)).status_code == 401
    secure = {"Cookie": f"__Host-tandem_session={good}"}
    assert (await app.get(over_tls, headers=secure)).status_code == 200


async def test_signing_out_ends_it_here_at_once_and_elsewhere_soon(
    app: httpx.AsyncClient, start: Start
) -> None:
    other = await start(api_key_seconds=0.1)
    begun, kept = await begin(app), await begin(app)
    headers = by_cookie(begun)
    assert (await other.get("/v1/popular", headers=headers)).status_code == 200
    out = await app.delete("/v1/auth/session", headers=headers)
    assert out.status_code == 204
    name, morsel = cookie_of(out)
    assert (name, morsel.value, morsel["max-age"]) == ("tandem_session", "", "0")
    assert (await app.get("/v1/popular", headers=headers)).status_code == 401

    async def refused() -> bool:
        return (await other.get("/v1/popular", headers=headers)).status_code == 401

    await until(refused)
    assert (await app.get("/v1/popular", headers=by_cookie(kept))).status_code == 200


async def test_a_session_ends_by_time(app: httpx.AsyncClient, seeds: Seeds, start: Start) -> None:
    headers = by_cookie(await begin(app))
    seeds.write(text("update sessions set expires_at = now()"))
    other = await start()
    assert (await other.get("/v1/popular", headers=headers)).status_code == 401


async def test_a_session_that_was_known_holds_while_the_database_is_away(
    start: Start, people: People, gate: Gate
) -> None:
    people.add("ann")
    client = await start(api_key_seconds=0.05)
    begun = await begin(client)
    headers, unknown = by_cookie(begun), by_cookie(await begin(client))
    assert (await client.get("/v1/popular", headers=headers)).status_code == 200
    gate.shut()
    answer = await client.get("/v1/users/ann/recommendations", headers=headers)
    assert answer.status_code == 200
    assert (await client.get("/v1/popular", headers=unknown)).status_code == 503
    gate.open()


async def test_guessed_sessions_do_not_reach_the_database_without_end(
    app: httpx.AsyncClient,
) -> None:
    statuses = set()
    for number in range(300):
        cookie = f"tandem_session=tds_{number:043}"
        statuses.add((await app.get("/v1/popular", headers={"Cookie": cookie})).status_code)
    assert statuses <= {401, 429}


async def test_a_token_is_no_session_of_a_browser(
    start: Start, people: People, signing_keys_file: Path
) -> None:
    people.add("ann")
    client = await start(signing_keys_file=signing_keys_file)
    client.headers["X-API-Key"] = ""
    tokens = await signed_in(client, "ann")
    answer = await client.get("/v1/auth/session", headers=bearer(tokens))
    assert answer.status_code == 401
