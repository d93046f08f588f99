"""How callers show who they are, as the description of the API says it."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from serving.access.access import SECURE_COOKIE, SESSION_COOKIE
from serving.access.callers import Required
from serving.access.requirements import is_public, requirement_of

KEY, TOKEN, PASSWORD, COOKIE = "X-API-Key", "Token", "Password", "Session"

SECURITY_SCHEMES: Mapping[str, Mapping[str, Any]] = {
    KEY: {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of `tandem key create` with the scopes it needs: read for lists and"
        " items, write for events and items, users for what is said of users, token to make tokens"
        " for users, admin.",
    },
    TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token for one user (POST /v1/tokens), which reads that user's lists and"
        " writes that user's events; or one of a person of the team, who may do what the role"
        " allows.",
    },
    PASSWORD: {
        "type": "oauth2",
        "description": "Name and password of an account, for a token as above and one to renew it.",
        # Relative to the server, which may be below a path of a proxy.
        "flows": {
            "password": {"tokenUrl": "v1/auth/token", "refreshUrl": "v1/auth/token", "scopes": {}}
        },
    },
    COOKIE: {
        "type": "apiKey",
        "in": "cookie",
        "name": SECURE_COOKIE,
        "description": "The session of a browser (POST /v1/auth/session); without TLS the cookie is"
        f" named {SESSION_COOKIE}. What changes something needs the header X-CSRF-Token too.",
    },
}


def declare_security(app: FastAPI) -> None:
    """Say of every route which credentials it takes, and what they must allow."""
    for route in app.routes:
        if not isinstance(route, APIRoute):
            continue
        required = requirement_of(route)
        if required is not None:
            route.openapi_extra = {**(route.openapi_extra or {}), **_security(required)}
        elif is_public(route):
            route.openapi_extra = {**(route.openapi_extra or {}), "security": []}


def _security(required: Required) -> Mapping[str, Sequence[Mapping[str, Sequence[str]]]]:
    # Since OpenAPI 3.1 the list holds what is needed for schemes of every type.
    roles = [required.role, *(["user"] if required.own else [])]
    keys = [{KEY: [required.scope]}] if required.scope is not None else []
    # Scopes of OAuth2 must be declared, and there are none: the role says what is allowed.
    return {"security": [*keys, {TOKEN: roles}, {PASSWORD: []}, {COOKIE: roles}]}
