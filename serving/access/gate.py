"""Keys of requests with a body, looked at before a slot or a byte of it is taken."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import TandemError
from serving.access.requirements import KEY_HEADER, RequiredScope
from serving.http.bodies import METHODS_WITH_BODY
from serving.http.errors import problem_of


@dataclass(frozen=True, slots=True)
class GuardedPath:
    """A route that takes a body, and the scope its key must grant."""

    methods: frozenset[str]
    path: re.Pattern[str]
    required: RequiredScope


class AccessGate:
    """Refuses a request with a body from its headers alone.

    FastAPI reads a body before it looks at what a route depends on, so without this anybody could
    take the slots of those who have a key. Requests without a body have nothing to take.
    """

    def __init__(self, app: ASGIApp, guarded: Sequence[GuardedPath]) -> None:
        self._app = app
        self._guarded = guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its key grants what its route asks for, or there is no route."""
        if scope["type"] == "http" and scope["method"] in METHODS_WITH_BODY:
            needed = self._needed(scope["method"], scope["path"])
            if needed is not None:
                key = Headers(scope=scope).get(KEY_HEADER)
                try:
                    await needed.check(scope["state"], key)
                except TandemError as error:
                    refusal = problem_of(scope["path"], scope["state"]["request_id"], error)
                    await refusal(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _needed(self, method: str, path: str) -> RequiredScope | None:
        for route in self._guarded:
            if method in route.methods and route.path.match(path):
                return route.required
        return None


def guarded_paths(app: FastAPI) -> tuple[GuardedPath, ...]:
    """Of all routes of the app that take a body, in the order in which they are tried."""
    return tuple(
        GuardedPath(frozenset(route.methods or ()), route.path_regex, required)
        for route in app.routes
        if isinstance(route, APIRoute) and METHODS_WITH_BODY & set(route.methods or ())
        for required in _required((route.dependant,))
    )


def _required(dependants: Iterable[Dependant]) -> Iterator[RequiredScope]:
    for dependant in dependants:
        if isinstance(dependant.call, RequiredScope):
            yield dependant.call
        yield from _required(dependant.dependencies)
