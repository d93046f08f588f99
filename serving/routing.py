"""What all routes do alike, so that none can forget it."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from fastapi import Depends, Request, Response, params
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from serving.errors import method_not_allowed
from serving.json_body import JsonRequest
from serving.query_names import QueryNames, check_query_names

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class TandemRoute(APIRoute):
    """A route that takes HEAD where it takes GET, names no parameter it ignores, and reads JSON.

    Its operation is named after its function, which generated clients call it by.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        dependencies: Sequence[params.Depends] | None = None,
        operation_id: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(
            path,
            endpoint,
            dependencies=[*(dependencies or ()), Depends(check_query_names)],
            operation_id=operation_id or endpoint.__name__,
            **others,
        )
        self.query_names = QueryNames.of(self.dependant)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As any route, but HEAD finds what GET finds; its body is left out further outside."""
        match, child_scope = super().matches(scope)
        if match is Match.PARTIAL and self._takes(scope["method"]):
            match = Match.FULL
        return match, child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say by which methods this path can be asked."""
        if not self._takes(scope["method"]):
            raise method_not_allowed(allowed_methods(scope["app"].routes, scope))
        await self.app(scope, receive, send)

    def get_route_handler(self) -> _Handler:
        """The handler; a body has been read and understood as JSON before it is called."""
        handler = super().get_route_handler()
        if self.body_field is None:
            return handler

        async def handle_json(request: Request) -> Response:
            asked = JsonRequest(request.scope, request.receive)
            await asked.read_json()
            return await handler(asked)

        return handle_json

    def _takes(self, method: str) -> bool:
        methods = self.methods or set()
        return method in methods or (method == "HEAD" and "GET" in methods)


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """All methods of a path, whichever of its routes takes them."""
    methods: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
