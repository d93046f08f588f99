"""The names of a route's query parameters: others, and one value given twice, are refused."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from starlette.requests import Request
from starlette.routing import BaseRoute

from serving.runtime.faults import MOST_FAULTS, Fault, invalid_request

_LONGEST_REPORTED_NAME = 60


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
    names = _names_of(request.scope["route"])
    faults = names.faults(name for name, _ in request.query_params.multi_items())
    if faults:
        raise invalid_request(faults)


def _names_of(route: BaseRoute) -> QueryNames:
    names: QueryNames = route.query_names  # type: ignore[attr-defined]
    return names


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
