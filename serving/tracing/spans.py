"""Spans of what a request leads to: the methods below are wrapped for as long as traces are on."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.trace import Span, SpanKind, Tracer

from serving.answering.cache import AnswerCache
from serving.answering.pipeline import AnswerPipeline
from serving.lists.list_maker import ListMaker
from serving.postgres.store import Store
from serving.redis.redis_link import RedisLink

Arguments = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """A method that is a span."""

    owner: type
    method: str
    name: Callable[[Arguments], str]
    """Of the span, from the arguments; never from what a user sent."""
    attributes: Mapping[str, str]
    result: Callable[[Span, Any], None] = lambda _span, _result: None
    """Says of a span what came out."""
    kind: SpanKind = SpanKind.INTERNAL


def _always(name: str) -> Callable[[Arguments], str]:
    return lambda _: name


def _statement(position: int) -> Callable[[Arguments], str]:
    """The name that a statement has in sql/queries/."""

    def name(arguments: Arguments) -> str:
        options: Mapping[str, Any] = arguments[position].get_execution_options()
        return f"postgresql {options.get('statement_name', 'statement')}"

    return name


def _note_answer(span: Span, answer: Any) -> None:
    span.set_attribute("tandem.source", answer.source)
    if answer.degraded is not None:
        span.set_attribute("tandem.degraded", answer.degraded)


def _note_found(span: Span, cached: Any) -> None:
    span.set_attribute("tandem.cache.found", cached.encoded is not None)


def _note_strategy(span: Span, result: Any) -> None:
    span.set_attribute("tandem.strategy", result.strategy)


def _postgresql(method: str, name: Callable[[Arguments], str]) -> Traced:
    return Traced(Store, method, name, {"db.system.name": "postgresql"}, kind=SpanKind.CLIENT)


def _redis(method: str) -> Traced:
    return Traced(
        RedisLink,
        method,
        lambda arguments: f"redis {arguments[0]}",
        {"db.system.name": "redis"},
        kind=SpanKind.CLIENT,
    )


TRACED = (
    Traced(AnswerPipeline, "answer", _always("answer"), {}, _note_answer),
    Traced(AnswerCache, "find", _always("cache find"), {}, _note_found),
    Traced(AnswerCache, "store", _always("cache store"), {}),
    Traced(ListMaker, "make", _always("blend"), {}, _note_strategy),
    _postgresql("rows", _statement(0)),
    _postgresql("prepared_rows", _statement(1)),
    _postgresql("read", _always("postgresql read")),
    _redis("ask"),
    _redis("ask_unchecked"),
    _redis("ask_with_retry"),
)


@contextmanager
def instrumented(tracer: Tracer) -> Iterator[None]:
    """Make spans of these methods for the time of the block; what they do is the same."""
    before = [(traced, getattr(traced.owner, traced.method)) for traced in TRACED]
    for traced, method in before:
        setattr(traced.owner, traced.method, _wrapped(tracer, traced, method))
    try:
        yield
    finally:
        for traced, method in before:
            setattr(traced.owner, traced.method, method)


def _wrapped(tracer: Tracer, traced: Traced, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def call(self: Any, *arguments: Any, **named: Any) -> Any:
        name = traced.name(arguments)
        with tracer.start_as_current_span(
            name, kind=traced.kind, attributes=traced.attributes
        ) as span:
            result = await method(self, *arguments, **named)
            traced.result(span, result)
            return result

    return call
