"""The app: routes, what is around them and what lives under them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from serving.body_gate import BodyGate, BodyLimits
from serving.errors import add_error_handlers
from serving.logs import configure_logs
from serving.metrics import ServingMetrics
from serving.middleware import BodyLimit, RequestRecord
from serving.paths import PathsAsSent, Utf8Only
from serving.routes import (
    admin,
    event_kinds,
    events,
    items,
    latest,
    operation,
    popular,
    recommendations,
    search,
    similar,
    starter,
    trending,
    users,
)
from serving.settings import ServingSettings
from serving.state import LifespanState, living

_DESCRIPTION = """
Recommendations that blend what was learned at night with what users did just now.

Apps send what users do to `/v1/events` and ask for lists at `/v1/users/{user_id}/recommendations`.
Every request under `/v1` needs a key in the header `X-API-Key`. Every error is a problem document
(RFC 9457) that says what is wrong and where.
"""


def create_app(settings: ServingSettings) -> FastAPI:
    """The app; it opens its stores when it is started and closes them when it is stopped."""
    metrics = ServingMetrics()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[LifespanState]:
        async with living(settings, metrics) as services:
            yield {"services": services}

    app = FastAPIOffline(
        title="Tandem", description=_DESCRIPTION, version="1", lifespan=lifespan, redoc_url=None
    )
    parts = (
        events, event_kinds, recommendations, popular, trending, latest, starter, similar, search,
        items, users, admin, operation,
    )  # fmt: skip
    for part in parts:
        app.include_router(part.router)
    app.add_middleware(BodyLimit, most_bytes=settings.api_body_bytes)
    app.add_middleware(BodyGate, limits=_body_limits(settings), metrics=metrics)
    app.add_middleware(Utf8Only)
    app.add_middleware(RequestRecord, metrics=metrics)
    app.add_middleware(PathsAsSent)
    add_error_handlers(app)
    return app


def _body_limits(settings: ServingSettings) -> BodyLimits:
    return BodyLimits(
        bodies=settings.api_bodies_at_once,
        total_bytes=settings.api_bytes_at_once,
        seconds=settings.api_body_seconds,
        bytes_unannounced=settings.api_body_bytes,
    )


def app_from_environment() -> FastAPI:
    """The app of one server process."""
    configure_logs()
    app = create_app(ServingSettings())
    # What is loaded stays. A full collection that goes through it holds up every request for a
    # tenth of a second, and an outage with its many errors brings such collections about.
    gc.collect()
    gc.freeze()
    return app
