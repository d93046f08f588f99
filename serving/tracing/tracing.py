"""Tracing of one process: the provider of OpenTelemetry, and what it makes spans of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from serving.tracing.settings import NO_EXPORTER, exporter_named
from serving.tracing.spans import instrumented
from serving.tracing.traced_requests import TracedRequests

_UNNAMED = "unknown_service"
_SERVICE = "tandem-api"


class Tracing:
    """Makes traces of one app; it begins and ends with it."""

    def __init__(self, exporter: str) -> None:
        """`exporter`: the name of one that is installed, or `none`."""
        self._provider = TracerProvider(resource=_resource())
        if exporter != NO_EXPORTER:
            self._provider.add_span_processor(span_processor(exporter))
        self.tracer = self._provider.get_tracer("tandem")

    def add_to(self, app: FastAPI) -> None:
        """Make a span of each request of an app."""
        app.add_middleware(TracedRequests, tracer=self.tracer)

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Trace for the time of the block; what is not sent at its end is sent then."""
        try:
            with instrumented(self.tracer):
                yield
        finally:
            await asyncio.to_thread(self._provider.shutdown)


def span_processor(exporter: str) -> SpanProcessor:
    """What sends spans on, many at a time and beside the requests."""
    return BatchSpanProcessor(exporter_named(exporter).load()())


def _resource() -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, or our own name."""
    given = Resource.create()
    if str(given.attributes[SERVICE_NAME]).startswith(_UNNAMED):
        return given.merge(Resource({SERVICE_NAME: _SERVICE}))
    return given
