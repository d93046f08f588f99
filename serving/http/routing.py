"""What all routes do alike, so that none can forget it.

A route asks for services by type: it knows its own and no other. Names of query parameters that it
would ignore are refused, and so is one value given twice.
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeVar, cast, get_args, get_origin

from fastapi import Depends, Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from serving.http.bodies import JsonRequest
from serving.http.errors import method_not_allowed
from serving.http.paths import register_identifiers
from serving.runtime.faults import MOST_FAULTS, Fault, invalid_request

Service = TypeVar("Service")

_LONGEST_REPORTED_NAME = 60


class Services:
    """One service of each type."""

    def __init__(self, *services: object) -> None:
        self._by_type = {type(service): service for service in services}

    def __getitem__(self, kind: type[Service]) -> Service:
        return cast("Service", self._by_type[kind])


def provided(kind: type[Service]) -> Any:
    """A dependency on the app's service of this type."""

    # A coroutine, because FastAPI calls a plain function in a thread.
    async def find(request: Request) -> Service:
        services: Services = request.state.services
        return services[kind]

    return Depends(find)


# Before any route is declared.
register_identifiers()


@dataclass(frozen=True, slots=True)
class QueryNames:
    """The parameters a route takes in its query."""

    single: frozenset[str]
    repeatable: frozenset[str]

    @classmethod
    def of(cls, dependant: Dependant) -> "QueryNames":
        """Those of a route and of all it depends on."""
        fields = dict(_fields(dependant))
        repeatable = {name for name, field in fields.items() if _is_list(field.annotation)}
        return cls(frozenset(fields.keys() - repeatable), frozenset(repeatable))

    def values(self, given: QueryParams) -> dict[str, Any]:
        """What a query says, ready to be validated."""
        return {
            name: given.getlist(name) if name in self.repeatable else given[name] for name in given
        }

    def faults(self, given: Iterable[str]) -> list[Fault]:
        """What is wrong with the names of a query, at most as many faults as one answer lists."""
        counts = Counter(given)
        wrong = [name for name, times in counts.items() if self._is_wrong(name, times)]
        return [self._fault(name, counts[name]) for name in wrong[:MOST_FAULTS]]

    def _is_wrong(self, name: str, times: int) -> bool:
        return name not in self.repeatable and (times > 1 or name not in self.single)

    def _fault(self, name: str, times: int) -> Fault:
        if name in self.single:
            return Fault(f"query:{name}", f"Given {times} times, but it takes one value.")
        shown_name = name[:_LONGEST_REPORTED_NAME]
        return Fault(
            f"query:{shown_name}", f"There is no such parameter here. {self._advice(shown_name)}"
        )

    def _advice(self, name: str) -> str:
        names = sorted(self.single | self.repeatable)
        if not names:
            return "This takes no parameters in the query."
        near = get_close_matches(name.lower(), names, n=1)
        return f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."


async def check_query_names(request: Request) -> None:
    """Refuse what the route would ignore: FaultyInputError names each parameter.

    A dependency of every route, after that on the key.
    """
    if not request.scope["query_string"]:
        return
    names: QueryNames = request.scope["route"].query_names
    faults = names.faults(name for name, _ in request.query_params.multi_items())
    if faults:
        raise invalid_request(faults)


def _fields(dependant: Dependant) -> Iterable[tuple[str, FieldInfo]]:
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            for name, inner in annotation.model_fields.items():
                yield inner.alias or name, inner
        else:
            yield field.alias, field.field_info
    for inner_dependant in dependant.dependencies:
        yield from _fields(inner_dependant)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_is_list, get_args(annotation)))


def _with_query_read_at_once(dependant: Dependant) -> Dependant:
    """The same, but that a query whose parameters are one model is given to it as it is.

    FastAPI works out in every request which parameters may be repeated, from the annotation of
    each: with twenty of them that takes as long as all else it does.
    """
    if len(dependant.query_params) != 1:
        return dependant
    (field,) = dependant.query_params
    annotation = field.field_info.annotation
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return dependant
    names = QueryNames.of(dependant)

    async def read_query(request: Request) -> Any:
        value, errors = field.validate(names.values(request.query_params), loc=("query",))
        if errors:
            raise RequestValidationError(errors)
        return value

    reader = get_dependant(path=dependant.path or "", call=read_query, name=field.name)
    return replace(dependant, query_params=[], dependencies=[*dependant.dependencies, reader])


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
        documented = self.dependant
        self.dependant = _with_query_read_at_once(documented)
        try:
            handler = super().get_route_handler()
        finally:
            self.dependant = documented
        if self.body_field is None:
            return handler

        async def handle_json(request: Request) -> Response:
            asked = JsonRequest(request.scope, request.receive)
            await asked.read_json()
            return await handler(asked)

        return handle_json

    def read_query(self, query_string: bytes) -> Any:
        """The parameters of a query, of a route that takes them as one model.

        None: something is wrong with them, which the route itself says.
        """
        given = QueryParams(query_string)
        if self.query_names.faults(name for name, _ in given.multi_items()):
            return None
        (field,) = self.dependant.query_params
        value, errors = field.validate(self.query_names.values(given), loc=("query",))
        return None if errors else value

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
