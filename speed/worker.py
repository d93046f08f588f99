"""The worker's loop: wake up, fold in what is new, drop cached answers."""

import threading
import time
from collections.abc import Callable
from typing import Literal

import redis
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from domain.errors import UnknownRunError
from domain.redis_keys import VERSION_SECONDS
from speed import metrics
from speed.answers import CachedAnswers
from speed.cold_items import ColdItemEmbedder
from speed.folding import Folder, Pass, find_recently_updated_users
from speed.settings import SpeedSettings
from speed.spaces import Spaces
from speed.waking import Wakes
from sql.engine import reason_of
from sql.item_embedding import EmbeddedItems, remove_known_changes

log = structlog.get_logger()

_REST_SECONDS = 0.1
"""After each pass over events of a load, which takes about as long."""
_EMBEDDING_REST_SECONDS = 0.2
"""After a look up to the horizon that found no item, as most events bring none: folding goes on."""


class Worker:
    """Keeps live vectors up to date until it is told to stop."""

    def __init__(
        self,
        engine: Engine,
        client: redis.Redis,
        settings: SpeedSettings,
        stopping: threading.Event,
        wakes: Wakes | None = None,
        *,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        """`ready` is called once, when the first pass over the log has ended.

        Without `wakes` nobody wakes it: it looks by itself after a while.
        """
        self._engine = engine
        self._settings = settings
        self._stopping = stopping
        self._ready = ready
        self._spaces = spaces = Spaces()
        self._folder = Folder(settings, spaces)
        self._embedder = ColdItemEmbedder(settings, spaces)
        self._answers = CachedAnswers(client)
        self._wakes = wakes or Wakes()
        self._store_away = False
        self._predecessor_settled = False
        self._retained_due = self._embedding_due = 0.0
        self._reported_failures: dict[str, str] = {}
        self._reported_unusable: set[str] = set()

    def run(self) -> None:
        """Work until `stopping` is set; an unreachable PostgreSQL or Redis is waited for."""
        is_ready = False
        while not self._stopping.is_set():
            folded, rest = self.work_once(), self._embedding_due - time.monotonic()
            embedded = None if rest > 0.0 else self._embed_and_rest()
            if not is_ready and not self._store_away:
                self._ready()
                is_ready = True
            if folded is not None and folded.is_amid_load:
                # Readers and events have the cores as long as the load has them.
                self._stopping.wait(_REST_SECONDS)
            if folded is None and embedded is None:
                self._answers.drop(())
                if self.keep_retained_ready() is None:
                    self._wakes.wait(rest if rest > 0.0 else self._settings.poll_seconds)

    def work_once(self) -> Pass | None:
        """One pass; None if there was nothing to do or PostgreSQL is away."""
        started = time.perf_counter()
        try:
            self._settle_predecessor()
            with self._engine.begin() as connection:
                done = self._folder.fold_new(connection)
        except DBAPIError as error:
            self._note_failure("fold", error)
            return None
        except UnknownRunError as error:
            self._store_away = False
            self._note_unusable("served", error)
            return None
        self._store_away = False
        self._reported_failures.pop("fold", None)
        if done is not None:
            self._answers.drop((*done.user_nos, *done.forgotten))
            _count(done, time.perf_counter() - started)
        return done

    def _embed_and_rest(self) -> EmbeddedItems | None:
        done = self.embed_once()
        if done is None or not (done.item_nos or done.lags):
            self._embedding_due = time.monotonic() + _EMBEDDING_REST_SECONDS
        return done

    def embed_once(self) -> EmbeddedItems | None:
        """One pass over the changes of items; None as in `work_once`.

        What changed of items alone drops nobody's cached answers: they live for seconds.
        """
        began = time.perf_counter()
        try:
            with self._engine.begin() as connection:
                done = self._embedder.embed_new(connection)
        except DBAPIError as error:
            # A vector index that cannot be read takes no new item; users need no index.
            self._note_failure("embed", error, away=reason_of(error) != "damaged")
            return None
        except UnknownRunError as error:
            self._note_unusable("served", error)
            return None
        self._reported_failures.pop("embed", None)
        if done is not None and done.item_nos:
            self._answers.drop(done.user_nos)
            _count_embedded(done, time.perf_counter() - began)
        return done

    def keep_retained_ready(self) -> Pass | EmbeddedItems | None:
        """One pass for a retained run that is not served, so that a rollback to it is quick.

        None if it is not yet time, there is nothing to do, or PostgreSQL is away.
        """
        if time.monotonic() < self._retained_due:
            return None
        done: Pass | EmbeddedItems | None = None
        try:
            with self._engine.begin() as connection:
                done = self._folder.fold_retained(connection, self._spaces.unusable)
            if done is None:
                with self._engine.begin() as connection:
                    done = self._embedder.embed_retained(connection, self._spaces.unusable)
            self._reported_failures.pop("retained", None)
        except DBAPIError as error:
            self._note_failure("retained", error)
        except UnknownRunError as error:
            self._note_unusable("retained", error)
        self._remove_known_changes()
        if done is None:
            self._retained_due = time.monotonic() + self._settings.retained_seconds
        else:
            metrics.RETAINED_USERS.inc(len(done.user_nos))
        return done

    def _remove_known_changes(self) -> None:
        """By itself: what cannot be done for a retained run must not keep the changes for ever."""
        try:
            with self._engine.begin() as connection:
                remove_known_changes(connection)
        except DBAPIError as error:
            self._note_failure("changes", error)

    def _settle_predecessor(self) -> None:
        """Drop what a worker killed between its commit and its drop has left in the cache."""
        if self._predecessor_settled:
            return
        with self._engine.connect() as connection:
            self._answers.drop(find_recently_updated_users(connection, 2 * VERSION_SECONDS))
        self._predecessor_settled = True

    def _note_failure(self, what: str, error: DBAPIError, *, away: bool = True) -> None:
        """An outage is logged once; what is none, once of each kind of pass until it succeeds."""
        metrics.STORE_FAILURES.inc()
        reason = reason_of(error)
        if reason in _OUTAGES:
            if not self._store_away:
                log.warning("postgres_away", error=str(error.orig))
        elif self._reported_failures.get(what) != reason:
            fields = {"what": what, "reason": reason, "error": str(error.orig)}
            log.error("pass_failed", **fields, exc_info=error)
            self._reported_failures[what] = reason
        self._store_away = self._store_away or away

    def _note_unusable(self, run: Literal["served", "retained"], error: UnknownRunError) -> None:
        """A run of another version, as after a downgrade, keeps no other from being kept up.

        It is logged once. If it is the served one, events wait in the log until another is served.
        """
        metrics.UNUSABLE_RUNS.labels(run).inc()
        if str(error) not in self._reported_unusable:
            log.warning(_UNUSABLE[run], error=str(error))
        self._reported_unusable.add(str(error))


_OUTAGES = frozenset({"away", "timeout", "conflict"})
_UNUSABLE = {"served": "served_run_unusable", "retained": "retained_run_unusable"}


def _count(done: Pass, seconds: float) -> None:
    metrics.PASSES.inc()
    metrics.USERS.inc(len(done.user_nos))
    metrics.POSITION.set(done.position)
    metrics.PASS_SECONDS.observe(seconds)
    log.info(
        "folded_in",
        run_id=done.run_id,
        users=len(done.user_nos),
        position=done.position,
        milliseconds=round(1000 * seconds, 1),
    )


def _count_embedded(done: EmbeddedItems, seconds: float) -> None:
    metrics.ITEMS.inc(len(done.item_nos))
    metrics.ITEM_EMBEDDING_SECONDS.observe(seconds)
    log.info(
        "embedded",
        run_id=done.run_id,
        items=len(done.item_nos),
        position=done.position,
        milliseconds=round(1000 * seconds, 1),
    )
