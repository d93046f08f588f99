"""The app: routes, what is around them and what lives under them."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serving.access.audit_routes import router as audit_router
from serving.access.key_routes import router as key_router
from serving.access.openapi import SECURITY_SCHEMES, declare_security
from serving.access.requirements import AccessGate, guarded_paths
from serving.access.token_routes import router as token_router
from serving.accounts.account_routes import router as accounts_router
from serving.accounts.auth_routes import router as auth_router
from serving.accounts.session_routes import router as session_router
from serving.administration.routes import router as administration_router
from serving.catalogue.routes import router as catalogue_router
from serving.console.access_routes import router as access_pages_router
from serving.console.experiment_form_routes import router as experiment_form_router
from serving.console.experiment_routes import router as experiment_pages_router
from serving.console.health_routes import router as health_router
from serving.console.import_routes import router as import_router
from serving.console.item_routes import router as item_pages_router
from serving.console.placement_routes import router as placement_pages_router
from serving.console.rule_routes import router as rule_pages_router
from serving.console.run_routes import router as run_pages_router
from serving.console.settings_routes import router as settings_router
from serving.console.static_routes import router as console_files_router
from serving.console.user_routes import router as user_pages_router
from serving.console.watch_routes import router as watch_router
from serving.container import Container
from serving.diagnosis.routes import router as diagnosis_router
from serving.events.hot_route import HotEvents
from serving.events.impression_routes import router as impressions_router
from serving.events.kind_routes import router as kinds_router
from serving.events.routes import router as events_router
from serving.experiments.routes import router as experiments_router
from serving.http.bodies import BodyGate, BodyLimit, BodyLimits, BodySlots
from serving.http.cors import add_cors
from serving.http.errors import add_error_handlers
from serving.http.middleware import AnswerHeaders, Compression, RequestRecord
from serving.http.openapi import describe
from serving.http.paths import PathsAsSent, Utf8Only
from serving.http.shedding import RequestLimit, RequestSlots
from serving.http.streamed_bodies import StreamedBodies, StreamedBodyGate
from serving.lifespan import LifespanState, living
from serving.loads.routes import PATH as LOADS_PATH
from serving.loads.routes import router as loads_router
from serving.non_personalized.routes import router as non_personalized_router
from serving.operation.routes import router as operation_router
from serving.pages.routes import router as pages_router
from serving.placements.routes import router as placements_router
from serving.preferences.routes import router as preferences_router
from serving.recommendations.body_routes import router as body_router
from serving.recommendations.hot_route import HotLists
from serving.recommendations.preview_routes import router as preview_router
from serving.recommendations.rank_routes import router as rank_router
from serving.recommendations.routes import router as recommendations_router
from serving.relations.routes import router as relations_router
from serving.relations.user_routes import router as related_users_router
from serving.rows.routes import router as rows_router
from serving.rule_preview.routes import router as rule_preview_router
from serving.runtime.metrics import ServingMetrics
from serving.runtime.performance import PERFORMANCE
from serving.search.routes import router as search_router
from serving.server.figures import Figures, ProcessSlot
from serving.server.refusing import ConnectionLimits, Edge
from serving.settings import ServingSettings
from serving.similar.routes import router as similar_router
from serving.users.history_routes import router as history_router
from serving.users.routes import router as users_router

if TYPE_CHECKING:
    from serving.tracing.tracing import Tracing

_ROUTERS = (
    recommendations_router,
    events_router,
    impressions_router,
    body_router,
    rank_router,
    rows_router,
    experiments_router,
    placements_router,
    rule_preview_router,
    preview_router,
    kinds_router,
    non_personalized_router,
    similar_router,
    relations_router,
    related_users_router,
    search_router,
    catalogue_router,
    users_router,
    history_router,
    preferences_router,
    token_router,
    auth_router,
    session_router,
    accounts_router,
    key_router,
    audit_router,
    loads_router,
    diagnosis_router,
    administration_router,
    operation_router,
    pages_router,
    console_files_router,
    watch_router,
    run_pages_router,
    import_router,
    health_router,
    item_pages_router,
    user_pages_router,
    placement_pages_router,
    experiment_form_router,
    rule_pages_router,
    experiment_pages_router,
    settings_router,
    access_pages_router,
)
"""In the order in which paths are looked for, and documented."""

_DESCRIPTION = """
Recommendations that blend what was learned at night with what users did just now.

Apps send what users do to `/v1/events` and ask for lists at `/v1/users/{user_id}/recommendations`.
Every request under `/v1` needs a key in the header `X-API-Key`, or a token in `Authorization`; the
pages of this server send a cookie. Only who wants to sign in needs nothing.
Every error is a problem document (RFC 9457) that says what is wrong and where, and every answer has
an `X-Request-ID`.

Names that are not documented are refused, in queries as in bodies. HEAD is answered wherever GET
is; paths are taken exactly as they are documented, without a slash at their end.
"""

_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


class TandemApp(FastAPI):
    """FastAPI, but for what is answered before any of it: see `HotLists` and `HotEvents`."""

    hot_lists: HotLists | None = None
    hot_events: HotEvents | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            hot_lists, hot_events = self.hot_lists, self.hot_events
            if hot_lists is not None and await hot_lists.answer(scope, send):
                return
            if hot_events is not None:
                rest = await hot_events.answer(scope, receive, send)
                if rest is None:
                    return
                receive = rest
        await super().__call__(scope, receive, send)


def create_app(settings: ServingSettings, slot: ProcessSlot | None = None) -> FastAPI:
    """The app; it opens its stores when it is started and closes them when it is stopped.

    `slot`: which of several processes it answers in; None: there is this one only.
    """
    metrics = ServingMetrics()
    figures = Figures(metrics.registry, slot, {PERFORMANCE: metrics.performance.given})
    edge = Edge(_connection_limits(settings), metrics)
    tracing = _tracing(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[LifespanState]:
        async with (
            nullcontext() if tracing is None else tracing.living(),
            living(Container(settings, metrics)) as services,
            figures.shared(),
        ):
            yield {"services": services, "edge": edge, "figures": figures}

    app = TandemApp(
        title="Tandem",
        description=_DESCRIPTION,
        version="1",
        lifespan=lifespan,
        # A redirect leads to whatever host a request names, and a client follows it with its key.
        redirect_slashes=False,
        openapi_url=None,  # the pages are routes like others
        # FastAPI would look in every request whether somebody wants to see its own.
        telemetry=None if tracing is not None else _NO_TELEMETRY,
    )
    for router in _ROUTERS:
        # As they are: a router that is included is gone through twice in every request.
        app.router.routes.extend(router.routes)
    app.add_middleware(BodyLimit, most_bytes=settings.api_body_bytes)
    bodies = BodySlots(_body_limits(settings), metrics)
    app.add_middleware(BodyGate, slots=bodies)
    app.add_middleware(StreamedBodyGate, bodies=_streamed_bodies(settings), metrics=metrics)
    app.add_middleware(AccessGate, guarded=guarded_paths(app))
    slots = RequestSlots(settings.api_requests_at_once)
    app.add_middleware(RequestLimit, slots=slots, metrics=metrics)
    app.add_middleware(Utf8Only)
    if tracing is not None:
        tracing.add_to(app)
    app.add_middleware(RequestRecord, metrics=metrics)
    app.add_middleware(Compression)
    add_cors(app, settings.cors_origins)
    app.add_middleware(AnswerHeaders)
    app.add_middleware(PathsAsSent)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_networks())
    if tracing is None:
        # Whose requests are traced wants to see what they do.
        lookups = RequestSlots(settings.api_requests_at_once)
        app.hot_lists = HotLists(lookups, slots, metrics)
        app.hot_events = HotEvents(bodies, metrics, most_bytes=settings.api_body_bytes)
    add_error_handlers(app)
    declare_security(app)
    describe(app, SECURITY_SCHEMES)
    return app


def _tracing(settings: ServingSettings) -> "Tracing | None":
    """What traces requests; None, and nothing of OpenTelemetry is loaded, unless that is asked."""
    if not settings.tracing:
        return None
    from serving.tracing.tracing import Tracing  # noqa: PLC0415 -- costs time, memory and an extra

    return Tracing(settings.traces_exporter)


def _body_limits(settings: ServingSettings) -> BodyLimits:
    return BodyLimits(
        bodies=settings.api_bodies_at_once,
        total_bytes=settings.api_bytes_at_once,
        seconds=settings.api_body_seconds,
        bytes_unannounced=settings.api_body_bytes,
    )


def _streamed_bodies(settings: ServingSettings) -> StreamedBodies:
    return StreamedBodies(
        "POST",
        LOADS_PATH,
        most_bytes=settings.api_upload_bytes,
        at_once=settings.api_uploads_at_once,
        silence_seconds=settings.api_body_seconds,
    )


def _connection_limits(settings: ServingSettings) -> ConnectionLimits:
    return ConnectionLimits(
        header_bytes=settings.api_header_bytes,
        header_seconds=settings.api_header_seconds,
        connections=settings.api_connections,
        send_seconds=settings.api_send_seconds,
        dropped_bytes=settings.api_body_bytes,
        dropped_seconds=settings.api_body_seconds,
    )


def app_of_process(settings: ServingSettings, slot: ProcessSlot) -> FastAPI:
    """The app of one server process."""
    app = create_app(settings, slot)
    # What is loaded stays. A full collection that goes through it holds up every request for a
    # tenth of a second, and an outage with its many errors brings such collections about.
    gc.collect()
    gc.freeze()
    return app
