"""The canary: measures at intervals how soon lists follow what users do.

Each process tries; the database lets one begin, so that there is one check an interval however many
processes and machines there are.
"""

import asyncio
import uuid
from dataclasses import asdict

import structlog

from domain.identifiers import CANARY_ID
from serving.access.tokens import Tokens
from serving.freshness.canary_client import CanaryClient, Measured
from serving.postgres.store import WriteStore
from serving.runs.live_runs import LiveRuns
from serving.runtime.faults import NoSigningKeysError
from serving.runtime.metrics import ServingMetrics
from sql.statements import statements

_FRESHNESS = statements("freshness")
_TOKEN_SECONDS = 60
_KEPT_DAYS = 30
_EARLIER = 0.9
"""Of the interval: clocks and turns are not exact, and no turn shall be left out for that."""
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- recognised, not bound

log = structlog.get_logger()


class Canary:
    """Begins checks and notes what came of them."""

    def __init__(
        self,
        store: WriteStore,
        tokens: Tokens,
        live_runs: LiveRuns,
        metrics: ServingMetrics,
        *,
        host: str,
        port: int,
        seconds: float,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._live_runs = live_runs
        self._metrics = metrics
        self._host = "127.0.0.1" if host in _EVERY_ADDRESS else host
        self._port = port
        self._seconds = seconds

    @property
    def is_on(self) -> bool:
        """Whether there are checks."""
        return self._seconds > 0

    async def check(self) -> None:
        """Check now, if it is time and a run is served; without signing keys there is no check."""
        if self._live_runs.current is None:
            return
        try:
            token = self._tokens.for_user(CANARY_ID, seconds=_TOKEN_SECONDS).token
        except NoSigningKeysError:
            log.warning("canary_without_signing_keys")
            return
        event_id = uuid.uuid4().hex
        begun = {
            "canary_id": CANARY_ID,
            "event_id": event_id,
            "rest_seconds": self._seconds * _EARLIER,
            "kept_days": _KEPT_DAYS,
        }
        rows = await self._store.write(_FRESHNESS["begin_freshness_check"], begun)
        if not rows:
            return
        client = CanaryClient(self._host, self._port, token)
        measured = await asyncio.to_thread(client.check, event_id)
        self._count(measured)
        left = [event_id, *rows[0].left_event_ids]
        taken_back = await asyncio.to_thread(client.take_back, left)
        ended = {"check_no": rows[0].check_no, "taken_back": taken_back, **asdict(measured)}
        await self._store.write(_FRESHNESS["end_freshness_check"], ended)

    def _count(self, measured: Measured) -> None:
        self._metrics.freshness_checks.labels(measured.outcome).inc()
        if measured.seconds is not None:
            self._metrics.freshness_seconds.observe(measured.seconds)
        else:
            log.warning("canary_saw_no_change", outcome=measured.outcome)
