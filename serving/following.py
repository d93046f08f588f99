"""Moving to another run as soon as it is served. Polling stays, as the safety net."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import structlog

from domain.errors import StoreUnavailableError
from domain.identifiers import RunId
from serving.answering.catalogue_changes import CatalogueChanges
from serving.candidates.users import UserNumbers
from serving.exclusions.exclusion_cache import ExclusionCache, Subscription
from serving.exclusions.exclusion_warming import ExclusionWarmer
from serving.placements.current_placements import CurrentPlacements
from serving.recommendations.warming import Warmer
from serving.runs.live_runs import LiveRuns
from serving.runtime.background import BackgroundFailures
from serving.runtime.budget import Budget, spending
from serving.runtime.tasks import end
from sql.engine import AWAY_ERRORS
from sql.listening import Notification, listen_for_notifications

log = structlog.get_logger()

_REST_SECONDS = 0.1
"""So soon it listens again: until then no change reaches this process if Redis is away."""
_LONGEST_REST_SECONDS = 30.0
"""After failures that nobody foresaw."""
_POLL_SECONDS = 1.0
_WORK = "change_feed"


async def changes(database_url: str) -> AsyncGenerator[Notification]:
    """Notifications of runs, and of what others recorded of users, on a connection of their own.

    The first, a promotion, comes when listening has begun. StoreUnavailableError when the
    connection is lost.
    """
    try:
        async with aclosing(listen_for_notifications(database_url)) as notifications:
            async for notification in notifications:
                yield notification
    except AWAY_ERRORS as error:
        raise StoreUnavailableError from error


@dataclass(eq=False, slots=True)
class Follower:
    """Listens for runs and exclusions, connecting again whenever the connection is lost."""

    database_url: str
    live_runs: LiveRuns
    catalogue: CatalogueChanges
    users: UserNumbers
    placements: CurrentPlacements
    exclusion_cache: ExclusionCache
    exclusion_warmer: ExclusionWarmer
    subscription: Subscription
    warmer: Warmer
    failures: BackgroundFailures
    _away: bool = field(default=False, init=False)
    _tried: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow for the time of the block.

        It begins when the subscription stands, or cannot, and after a second in any case.
        """
        task = asyncio.create_task(self._forever(), name="change_feed")
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), _POLL_SECONDS)
            yield
        finally:
            self.warmer.stop()
            await end(task)

    async def _forever(self) -> None:
        while True:
            try:
                # The budget this task began under, whosever it is, is spent soon.
                with spending(None):
                    await self._follow()
            except StoreUnavailableError as error:
                if not self._away:
                    log.warning("subscription_lost", error=str(error.__cause__ or error))
                self._away = True
            except Exception as error:  # noqa: BLE001 -- whatever it is, polling goes on and we try again
                self.failures.failed(_WORK, error)
            self.subscription.note_disconnected()
            self._tried.set()
            await asyncio.sleep(self.failures.rest(_WORK, _REST_SECONDS, _LONGEST_REST_SECONDS))

    async def _follow(self) -> None:
        async with aclosing(changes(self.database_url)) as notifications:
            async for notification in notifications:
                self._away = False
                await self._receive(notification)
                self.failures.succeeded(_WORK)

    async def _receive(self, notification: Notification) -> None:
        if notification.kind == "exclusions":
            self.exclusion_cache.receive(notification.payload)
        elif notification.kind == "catalogue":
            self.catalogue.note_stale()
        elif notification.kind == "users":
            self.users.forget_unknown()
        elif notification.kind == "placements":
            # As below.
            with suppress(StoreUnavailableError):
                await self.placements.refresh()
        elif notification.kind == "coming":
            self.warmer.begin(RunId(int(notification.payload)))
        else:
            # A poll that fails is made up for by the next poll; the connection is still good.
            with suppress(StoreUnavailableError):
                await self.live_runs.refresh()
            if not notification.payload:
                self.users.forget_unknown()
                await self._begin_subscription()

    async def _begin_subscription(self) -> None:
        """Read what was sent before this process listened; if that fails, listen anew."""
        with spending(Budget.of("background", _POLL_SECONDS, probing=True)):
            await self.exclusion_warmer.read_recent()
        self.subscription.note_connected()
        self._tried.set()
