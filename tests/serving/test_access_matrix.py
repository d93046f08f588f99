"""Every route with every kind of credentials: who is let in is what the route declares.

What is expected is worked out here from the declarations, not by the code that checks them. A route
that is added is asked like all others, and has to be entered in `DECLARED`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func

from serving.access import requirements
from serving.access.callers import Required
from serving.access.exposure import Exposure
from serving.access.keys import generate_key
from serving.access.requirements import RequiredOpenness, requirement_of
from serving.settings import ServingSettings
from tests.serving.accounts.people import PASSWORD, People, signed_in
from tests.serving.accounts.people import bearer as bearer_of
from tests.serving.conftest import Seeds, Start, token_of
from tests.serving.test_contract import ROUTES
from tests.serving.test_user_tokens import signed

SCOPES = ("read", "write", "users", "token", "admin")
ROLES = ("viewer", "operator", "admin")
EVERYBODY = "everybody"

DECLARED = {
    "POST /v1/events": "write operator own",
    "POST /v1/impressions": "write operator own",
    "DELETE /v1/events/{event_id}": "write operator own",
    "GET /v1/events": "users viewer",
    "DELETE /v1/events": "write operator",
    "GET /v1/event-kinds": "read viewer own",
    "GET /v1/event-kinds/{kind}": "read viewer own",
    "PUT /v1/event-kinds/{kind}": "admin operator",
    "DELETE /v1/event-kinds/{kind}": "admin operator",
    "GET /v1/placements": "admin viewer",
    "GET /v1/placements/{name}": "admin viewer",
    "PUT /v1/placements/{name}": "admin operator",
    "DELETE /v1/placements/{name}": "admin operator",
    "GET /v1/placements/{name}/versions": "admin viewer",
    "POST /v1/placements/{name}/preview": "admin viewer",
    "POST /v1/placements/{name}/rollback": "admin operator",
    "POST /v1/rules/preview": "admin viewer",
    "GET /v1/users/{user_id}/recommendations": "read viewer own",
    "POST /v1/recommendations": "read viewer own",
    "POST /v1/pages": "read viewer own",
    "POST /v1/rank": "read viewer own",
    "GET /v1/users/{user_id}/history": "users viewer own",
    "GET /v1/users/{user_id}/export": "users viewer",
    "GET /v1/users/{user_id}/preferences": "users viewer own",
    "PUT /v1/users/{user_id}/preferences": "write operator own",
    "DELETE /v1/users/{user_id}/preferences": "write operator own",
    "DELETE /v1/users/{user_id}/preferences/{preference_id}": "write operator own",
    "GET /v1/popular": "read viewer own",
    "GET /v1/trending": "read viewer own",
    "GET /v1/latest": "read viewer own",
    "GET /v1/starter": "read viewer own",
    "GET /v1/items/{item_id}/similar": "read viewer own",
    "GET /v1/similar": "read viewer own",
    "GET /v1/items/{item_id}/together": "read viewer own",
    "GET /v1/users/{user_id}/surprising": "read viewer own",
    "POST /v1/similarity": "read viewer own",
    "GET /v1/users/{user_id}/similar": "users viewer",
    "GET /v1/items/{item_id}/users": "users viewer",
    "GET /v1/active-users": "users viewer",
    "GET /v1/search": "read viewer own",
    "GET /v1/items/{item_id}": "read viewer own",
    "PUT /v1/items/{item_id}": "write operator",
    "PATCH /v1/items/{item_id}": "write operator",
    "DELETE /v1/items/{item_id}": "write operator",
    "GET /v1/items": "read viewer own",
    "POST /v1/items": "write operator",
    "GET /v1/categories": "read viewer own",
    "GET /v1/users/{user_id}": "users viewer",
    "PUT /v1/users/{user_id}": "users operator",
    "DELETE /v1/users/{user_id}": "users operator",
    "PATCH /v1/users/{user_id}": "users operator",
    "POST /v1/users/{user_id}/merge": "users operator",
    "GET /v1/users": "users viewer",
    "POST /v1/users": "users operator",
    "POST /v1/tokens": "token admin",
    "DELETE /v1/users/{user_id}/tokens": "token admin",
    "GET /v1/admin/keys": "admin admin",
    "POST /v1/admin/keys": "admin admin",
    "PATCH /v1/admin/keys/{key_id}": "admin admin",
    "DELETE /v1/admin/keys/{key_id}": "admin admin",
    "GET /v1/admin/audit": "admin admin",
    "POST /v1/auth/token": EVERYBODY,
    "POST /v1/auth/register": EVERYBODY,
    "POST /v1/auth/session": EVERYBODY,
    "POST /v1/auth/reset": EVERYBODY,
    "POST /v1/auth/reset-request": EVERYBODY,
    "GET /v1/auth/me": "none viewer own",
    "GET /v1/auth/session": "none viewer own",
    "DELETE /v1/auth/session": "none viewer own",
    "POST /v1/auth/sign-out": "none viewer own",
    "POST /v1/auth/password": "none viewer own",
    "GET /v1/admin/accounts": "admin admin",
    "POST /v1/admin/accounts": "admin admin",
    "PATCH /v1/admin/accounts/{account_id}": "admin admin",
    "DELETE /v1/admin/accounts/{account_id}": "admin admin",
    "POST /v1/admin/accounts/{account_id}/reset": "admin admin",
    "PUT /v1/accounts/{account_id}/user": "token admin",
    "POST /v1/loads": "admin operator",
    "POST /v1/loads/{load_id}/options": "admin operator",
    "GET /v1/loads": "admin operator",
    "GET /v1/loads/{load_id}": "admin operator",
    "DELETE /v1/loads/{load_id}": "admin operator",
    "GET /v1/admin/diagnose": "admin viewer",
    "GET /v1/admin/performance": "admin viewer",
    "POST /v1/admin/refresh": "admin operator",
    "GET /v1/admin/runs": "admin viewer",
    "GET /v1/admin/runs/{run_id}": "admin viewer",
    "POST /v1/admin/runs/rollback": "admin operator",
    "POST /v1/admin/runs/{run_id}/publish": "admin operator",
    "GET /v1/admin/settings": "admin viewer",
    "GET /v1/experiments": "admin viewer",
    "GET /v1/experiments/{experiment_id}": "admin viewer",
    "PUT /v1/experiments/{experiment_id}": "admin operator",
    "POST /v1/experiments/{experiment_id}/start": "admin operator",
    "POST /v1/experiments/{experiment_id}/stop": "admin operator",
    "POST /v1/experiments/{experiment_id}/adopt": "admin operator",
    "GET /healthz": EVERYBODY,
    "GET /health": EVERYBODY,
    "GET /readyz": EVERYBODY,
    # As TANDEM_API_DOCS=admin and TANDEM_API_METRICS=admin want it.
    "GET /metrics": "admin viewer",
    "GET /sign-in": EVERYBODY,
    "GET /sign-in/{name}": EVERYBODY,
    "GET /sdk/{name}": EVERYBODY,
    "GET /docs": EVERYBODY,
    "GET /docs/{name}": EVERYBODY,
    "GET /openapi.json": "admin viewer",
    "GET /console/static/{name}": EVERYBODY,
    "GET /": "none viewer",
    "GET /console/watch/lists": "none viewer",
    "GET /console/watch/search": "none viewer",
    "POST /console/watch/events": "none operator",
    "POST /console/watch/undo": "none operator",
    "GET /console/runs": "none viewer",
    "GET /console/runs/schedule": "none viewer",
    "GET /console/runs/{run_id}": "none viewer",
    "POST /console/runs/{run_id}/promote": "none operator",
    "POST /console/runs/rollback": "none operator",
    "GET /console/import": "none operator",
    "GET /console/loads/{load_id}": "none operator",
    "POST /console/loads/{load_id}/again": "none operator",
    "POST /console/loads/{load_id}/undo": "none operator",
    "GET /console/health": "none viewer",
    "GET /console/items": "none viewer",
    "GET /console/items/{item_id}": "none viewer",
    "GET /console/items/{item_id}/users": "none viewer",
    "PUT /console/items/{item_id}": "none operator",
    "POST /console/items/{item_id}/availability": "none operator",
    "GET /console/users": "none viewer",
    "GET /console/users/{user_id}": "none viewer",
    "POST /console/users/{user_id}/forget": "none operator",
    "GET /console/placements": "none viewer",
    "GET /console/placements/{name}": "none viewer",
    "POST /console/placements/{name}/preview": "none operator",
    "GET /console/placements/{name}/versions/{version}": "none viewer",
    "POST /console/rules": "none operator",
    "POST /console/rules/check": "none operator",
    "POST /console/rules/form": "none operator",
    "GET /console/rules/items": "none operator",
    "GET /console/experiments": "none viewer",
    "GET /console/experiments/{experiment_id}": "none viewer",
    "GET /console/experiments/{experiment_id}/draft": "none operator",
    "GET /console/settings": "none viewer",
    "GET /console/access": "none admin",
}
"""Scope of a key and role of a person, and whether a user's token opens it for what is its own."""

WITHOUT_DECLARATION = {"/healthz", "/health", "/readyz"}
"""Probes, which no secret may be given to."""

SHOWN_TO_ADMIN = Exposure("admin", "admin")


@dataclass(frozen=True)
class Sent:
    """What a request is sent with, and who that is."""

    headers: Mapping[str, str]
    scopes: frozenset[str] = frozenset()
    role: str | None = None
    user: str | None = None


def calls() -> Iterator[tuple[str, APIRoute]]:
    for route in ROUTES:
        for method in sorted(route.methods or ()):
            yield method, route


def declared(route: APIRoute) -> str:
    """What a route declares, in the words of the table; an assertion fails if that is nothing."""
    required = requirement_of(route)
    if required is not None:
        return in_words(required)
    is_public: Callable[[APIRoute], bool] = getattr(requirements, "is_public", lambda _: False)
    if is_public(route) or route.path in WITHOUT_DECLARATION:
        return EVERYBODY
    shown = [
        dependency.call._of(SHOWN_TO_ADMIN)
        for dependency in route.dependant.dependencies
        if isinstance(dependency.call, RequiredOpenness)
    ]
    assert shown, f"{route.path} declares nothing"
    return EVERYBODY if shown == ["open"] else in_words(requirements._SHOWN_TO)


def in_words(required: Required) -> str:
    own = " own" if required.own else ""
    return f"{required.scope or 'none'} {required.role}{own}"


def test_every_route_declares_what_it_is_known_to_require() -> None:
    found = {f"{method} {route.path_format}": declared(route) for method, route in calls()}
    assert found == DECLARED


def expected(wanted: str, route: APIRoute, sent: Sent) -> int:
    """200 stands for whatever comes of a request that is let in."""
    if wanted == EVERYBODY:
        return 200
    scope, role, *own = wanted.split()
    if sent.scopes:
        return 200 if scope in sent.scopes else 403
    if sent.role is not None:
        return 200 if ROLES.index(sent.role) >= ROLES.index(role) else 403
    if sent.user is not None:
        return 200 if own and (sent.user == "ann" or not names_user(route)) else 403
    return 401


def names_user(route: APIRoute) -> bool:
    return "user_id" in route.param_convertors or "user_id" in route.query_names.single  # type: ignore[attr-defined]


def path_of(route: APIRoute) -> str:
    """The path with ids in it, the user's being ann; ann is named in the query too.

    Nothing is read or changed by a request that is let in: it has a parameter that no route knows,
    which is refused after its caller is found.
    """
    path = route.path_format
    for name in route.param_convertors:
        path = path.replace(f"{{{name}}}", {"user_id": "ann", "item_id": "film-1"}.get(name, "1"))
    user = "user_id=ann&" if names_user(route) and "user_id" not in route.param_convertors else ""
    return f"{path}?{user}unheard_of=1"


@pytest.fixture
async def client(start: Start, signing_keys_file: Path) -> httpx.AsyncClient:
    # One address asks for much without being let in.
    limits = {name: 0 for name in ServingSettings.model_fields if name.startswith("limit_")}
    client = await start(
        signing_keys_file=signing_keys_file, api_docs="admin", api_metrics="admin", **limits
    )
    del client.headers["X-API-Key"]
    return client


async def all_sent(client: httpx.AsyncClient, seeds: Seeds, file: Path) -> dict[str, Sent]:
    """All kinds of credentials, by what they are."""
    sessions = await all_sessions(client, seeds)
    good = seeds.key(*SCOPES, name="all scopes")
    past = datetime.now(UTC) - timedelta(seconds=1)
    client.headers["X-API-Key"] = good
    tokens = {name: await token_of(client, name) for name in ("ann", "bob", "eve")}
    assert (await client.delete("/v1/users/eve/tokens")).status_code == 204
    del client.headers["X-API-Key"]
    bearer = {user: headers["Authorization"] for user, headers in tokens.items()}
    keys = {
        "malformed key": "no key",
        "unknown key": generate_key().key,
        "expired key": seeds.key(*SCOPES, name="expired", expires_at=past),
        "revoked key": seeds.key(*SCOPES, name="revoked", revoked_at=func.now()),
    }
    bearers = {
        "garbage": "Bearer a.b.c",
        "a key as a token": f"Bearer {good}",
        "another scheme": f"Basic {bearer['ann'].removeprefix('Bearer ')}",
        "expired token": f"Bearer {signed(file, exp=int(time.time()) - 60)}",
        "expired token of the team": "Bearer "
        + signed(file, typ="team", sub="1", name="t", role="admin", exp=int(time.time()) - 60),
        "revoked token": bearer["eve"],
    }
    return {
        "nothing": Sent({}),
        **{name: Sent({"X-API-Key": key}) for name, key in keys.items()},
        **{name: Sent({"Authorization": value}) for name, value in bearers.items()},
        "a key and a token": Sent({"X-API-Key": good, "Authorization": bearer["ann"]}),
        "a key and garbage": Sent({"X-API-Key": good, "Authorization": "Bearer a.b.c"}),
        **{
            f"key: {scope}": Sent({"X-API-Key": seeds.key(scope, name=scope)}, frozenset({scope}))
            for scope in SCOPES
        },
        **{
            f"key: all but {scope}": Sent(
                {"X-API-Key": seeds.key(*{*SCOPES} - {scope}, name=f"all but {scope}")},
                frozenset({*SCOPES} - {scope}),
            )
            for scope in SCOPES
        },
        "key: all": Sent({"X-API-Key": good}, frozenset(SCOPES)),
        **{
            f"token: {user}": Sent({"Authorization": bearer[user]}, user=user)
            for user in ("ann", "bob")
        },
        **{
            f"team: {role}": Sent(
                {"Authorization": bearer_of(await signed_in(client, role))["Authorization"]},
                role=role,
            )
            for role in ROLES
        },
        **sessions,
    }


async def all_sessions(client: httpx.AsyncClient, seeds: Seeds) -> dict[str, Sent]:
    """Browsers that are signed in, with the token against other sites."""
    sent: dict[str, Sent] = {}
    for role in (*ROLES, "user"):
        People(seeds).add(role, role, **({"user_id": "ann"} if role == "user" else {}))
        body = {"name": role, "password": PASSWORD}
        answer = await client.post("/v1/auth/session", json=body)
        headers = {
            "Cookie": answer.headers["set-cookie"].partition(";")[0],
            "X-CSRF-Token": answer.json()["csrf_token"],
        }
        client.cookies.clear()
        who = {"user": "ann"} if role == "user" else {"role": role}
        sent[f"session: {role}"] = Sent(headers, **who)
    unknown = {"Cookie": f"tandem_session=tds_{'a' * 43}", "X-CSRF-Token": "x"}
    return {**sent, "unknown session": Sent(unknown)}


async def test_every_route_lets_in_whom_it_declares_and_nobody_else(
    client: httpx.AsyncClient, seeds: Seeds, signing_keys_file: Path
) -> None:
    credentials = await all_sent(client, seeds, signing_keys_file)
    wrong: list[str] = []
    for method, route in calls():
        wanted, path = declared(route), path_of(route)
        for asked in (method, "HEAD") if method == "GET" else (method,):
            for name, sent in credentials.items():
                answer = await client.request(asked, path, headers=sent.headers)
                found = answer.status_code if answer.status_code in {401, 403} else 200
                if found == 200:
                    # It came as far as the check of its query, and no further.
                    assert answer.status_code == 422, (asked, path, name, answer.text)
                if found != expected(wanted, route, sent):
                    wrong.append(f"{asked} {path} with {name}: {answer.status_code}")
    assert wrong == []


async def test_a_refusal_tells_how_to_be_let_in_and_nothing_of_what_is_there(
    client: httpx.AsyncClient, seeds: Seeds
) -> None:
    seeds.user("ann")
    answers = {
        user: await client.get(f"/v1/users/{user}", headers={"X-Request-ID": "same"})
        for user in ("ann", "bob")
    }
    assert {answer.status_code for answer in answers.values()} == {401}
    assert "ApiKey" in answers["ann"].headers["www-authenticate"]
    assert answers["ann"].text.replace("ann", "bob") == answers["bob"].text
