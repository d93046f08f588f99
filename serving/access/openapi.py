"""How callers show who they are, as the description of the API says it."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from serving.access.callers import Required
from serving.access.requirements import requirement_of

KEY, TOKEN = "X-API-Key", "Token"

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
}


def declare_security(app: FastAPI) -> None:
    """Say of every route which credentials it takes, and what they must allow."""
    for route in app.routes:
        required = requirement_of(route) if isinstance(route, APIRoute) else None
        if isinstance(route, APIRoute) and required is not None:
            route.openapi_extra = {**(route.openapi_extra or {}), **_security(required)}


def _security(required: Required) -> Mapping[str, Sequence[Mapping[str, Sequence[str]]]]:
    # Since OpenAPI 3.1 the list holds what is needed for schemes of every type.
    roles = [required.role, *(["user"] if required.own else [])]
    return {"security": [{KEY: [required.scope]}, {TOKEN: roles}]}
