"""Traces by OpenTelemetry: off they are nothing, on they tell what a request led to."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from serving.postgres.store import Store
from serving.tracing import tracing
from serving.tracing.settings import TracingSettings
from tests.http_server import served
from tests.serving.conftest import Gate, Seeds, Start, recommended

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "span_processor", lambda _: SimpleSpanProcessor(exporter))
    return exporter


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans() if of_trace(span)}


def of_trace(span: ReadableSpan) -> bool:
    """The work beside the requests has traces of its own."""
    return format(span.context.trace_id, "032x") == TRACE


async def test_a_request_is_a_span_of_its_callers_trace_with_all_it_led_to(
    start: Start, seeds: Seeds, exporter: InMemorySpanExporter
) -> None:
    seeds.listed_user("ann secret")
    client = await start(tracing=True)
    path = "/v1/users/ann%20secret/recommendations"
    answer = await client.get(path, headers={**TRACEPARENT, "X-Request-ID": "asked"})
    assert answer.status_code == 200
    spans = by_name(exporter)
    request = spans["GET /v1/users/{user_id}/recommendations"]
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == PARENT
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/users/{user_id}/recommendations",
        "http.response.status_code": 200,
        "tandem.request_id": "asked",
    }
    wanted = {
        "answer": {"tandem.source": "blend"},
        "cache find": {"tandem.cache.found": False},
        "cache store": {},
        "blend": {"tandem.strategy": "blend"},
        "postgresql load_user_state_and_candidates": {"db.system.name": "postgresql"},
        "redis EVAL": {"db.system.name": "redis"},
    }
    assert {name: dict(spans[name].attributes or {}) for name in wanted} == wanted
    assert parent_of(spans["blend"], exporter) == "answer"
    assert parent_of(spans["postgresql load_user_state_and_candidates"], exporter) == "blend"
    exporter.clear()
    await client.get(path, headers=TRACEPARENT)
    cached = by_name(exporter)
    assert cached["cache find"].attributes == {"tandem.cache.found": True}
    assert "blend" not in cached
    # Of what users are called no span says anything.
    assert "secret" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def parent_of(span: ReadableSpan, exporter: InMemorySpanExporter) -> str:
    assert span.parent is not None
    names = {each.context.span_id: each.name for each in exporter.get_finished_spans()}
    return names[span.parent.span_id]


async def test_errors_are_told_in_the_span(
    start: Start, seeds: Seeds, gate: Gate, exporter: InMemorySpanExporter
) -> None:
    seeds.user("ann")
    client = await start(tracing=True)
    gate.shut()
    answer = await client.get("/v1/users/ann/similar", headers=TRACEPARENT)
    assert answer.status_code == 503
    span = by_name(exporter)["GET /v1/users/{user_id}/similar"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["http.response.status_code"] == 503


async def test_spans_go_to_a_collector_as_the_variables_of_opentelemetry_say(
    start: Start, seeds: Seeds, collector: "Collector", monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds.listed_user("ann")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-recommender")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    client = await start(tracing=True)
    await recommended(client, "ann")
    assert collector.arrived.wait(60)
    assert collector.path == "/v1/traces"
    assert b"shop-recommender" in collector.body


async def test_when_the_app_ends_nothing_is_traced_any_more(
    start: Start, exporter: InMemorySpanExporter
) -> None:
    before = Store.rows
    made = tracing.Tracing("otlp")
    async with made.living():
        assert Store.rows is not before
    assert Store.rows is before
    client: httpx.AsyncClient = await start()
    await client.get("/v1/popular", headers=TRACEPARENT)
    assert exporter.get_finished_spans() == ()


def test_off_nothing_that_traces_is_loaded() -> None:
    # redis looks for OpenTelemetry by itself wherever it is installed.
    ask = (
        "import sys, serving.app;"
        "print([name for name in sys.modules if name.startswith('serving.tracing.')])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['serving.tracing.settings']"


def test_what_is_missing_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="no exporter 'zipkin' is installed"):
        TracingSettings(tracing=True, traces_exporter="zipkin")
    assert TracingSettings(traces_exporter="zipkin").tracing is False
    monkeypatch.setattr("serving.tracing.settings.find_spec", lambda _: None)
    with pytest.raises(ValidationError, match=r"pip install 'tandem-recommender\[otel\]'"):
        TracingSettings(tracing=True)


class Collector:
    """Takes what an exporter sends by HTTP."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.path, self.body = "", b""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.path = self.path
                collector.body += self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                collector.arrived.set()

            def log_message(self, *_: Any) -> None: ...

        self.handler = Handler
        self.url = ""


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    with served(made.handler) as made.url:
        yield made
