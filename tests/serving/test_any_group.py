"""However requests come together, the log is as if they had come one by one."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from domain.interactions import EventKind
from serving.container import Container
from serving.events.event_log import ConflictError
from serving.events.group_commit import GroupCommit
from serving.lifespan import living
from serving.runtime.metrics import ServingMetrics
from serving.settings import ServingSettings
from sql.log import NewEvent, load_kinds, record_parameters
from sql.statements import statements
from tests.events import event
from tests.examples import examples
from tests.promises.emptying import empty

_LOG = text(
    "select event_id, user_id, item_no from interactions join users using (user_no) order by 1"
)
_GONE_ITEM = 10**6
_IDS = [uuid.UUID(int=number) for number in range(12)]
_TAKEN = _IDS[:2]
"""Recorded before, with another content."""


@dataclass(frozen=True)
class Sent:
    """The events of one request, by the indexes of their ids, and how it comes."""

    ids: tuple[int, ...]
    partial: bool
    has_gone_item: bool
    turns: int
    """Of the event loop that it waits before."""

    def events(self) -> list[NewEvent]:
        found = [_event(_IDS[index]) for index in self.ids]
        return [*found, event("ann", _GONE_ITEM)] if self.has_gone_item else found


def _event(event_id: uuid.UUID) -> NewEvent:
    """What an event says follows from its id."""
    made = event(f"user-{event_id.int % 4}", 1 + event_id.int % 3)
    return NewEvent(event_id, made.user_id, made.item_no, made.kind_no, None, made.occurred_at)


SENT = st.builds(
    Sent,
    ids=st.lists(st.integers(0, len(_IDS) - 1), min_size=1, max_size=4).map(tuple),
    partial=st.booleans(),
    has_gone_item=st.sampled_from([False, False, False, True]),
    turns=st.integers(0, 30),
)


async def test_any_requests_at_once_leave_the_log_as_one_by_one(
    engine: Engine, database_url: str, redis_url: str, film_nos: list[int]
) -> None:
    assert film_nos[:3] == [1, 2, 3]
    with engine.connect() as connection:
        kinds = {kind.kind: kind for kind in load_kinds(connection).kinds}
    given_settings = ServingSettings(
        database_url=database_url, redis_url=redis_url, startup_wait_seconds=0.0
    )
    container = Container(given_settings, ServingMetrics())
    async with living(container):
        loop = asyncio.get_running_loop()

        @settings(
            max_examples=examples(40),
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture],
        )
        @given(sent=st.lists(SENT, min_size=1, max_size=12))
        def check(sent: list[Sent]) -> None:
            compared = _compared(container.group_commit, engine, kinds, sent)
            asyncio.run_coroutine_threadsafe(compared, loop).result()

        await asyncio.to_thread(check)


async def _compared(
    group: GroupCommit, engine: Engine, kinds: Mapping[str, EventKind], sent: Sequence[Sent]
) -> None:
    await asyncio.to_thread(_begin, engine)
    alone = [await _recorded(group, kinds, each, turns=0) for each in sent]
    log = await asyncio.to_thread(_log, engine)
    await asyncio.to_thread(_begin, engine)
    together = await asyncio.gather(
        *(_recorded(group, kinds, each, turns=each.turns) for each in sent)
    )
    assert await asyncio.to_thread(_log, engine) == log
    assert together == alone


async def _recorded(
    group: GroupCommit, kinds: Mapping[str, EventKind], sent: Sent, *, turns: int
) -> Any:
    """How many events of a request are in the log now, and which conflict; or why none is."""
    for _ in range(turns):
        await asyncio.sleep(0)
    try:
        committed = await group.record(sent.events(), kinds, partial=sent.partial)
    except ConflictError as error:
        return error.indexes
    except StoreUnavailableError as error:
        return error.reason
    recorded = committed.recorded
    assert len(recorded.stored) == recorded.accepted
    return recorded.accepted + recorded.duplicates, recorded.conflicts


def _begin(engine: Engine) -> None:
    empty(engine)
    with engine.begin() as connection:
        taken = [
            NewEvent(event_id, UserId("other"), made.item_no, made.kind_no, None, made.occurred_at)
            for event_id in _TAKEN
            for made in (_event(event_id),)
        ]
        connection.execute(statements("log")["record_events"], record_parameters(taken))


def _log(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(_LOG)]
