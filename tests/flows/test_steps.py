"""What a step of a night is given reaches it as it is, and what one session sets stays in it."""

from dataclasses import dataclass
from typing import Any

import pytest
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from sqlalchemy import text

from batch.engines.implicit_engine import ONE_MACHINE
from batch.settings import BatchSettings
from flows.nightly_context import NightlyContext
from flows.steps import step
from sql.engine import make_engine


@dataclass(frozen=True)
class Holder:
    """Something that holds an object of Prefect, which Prefect would put a result in place of."""

    states: tuple[State[Any], ...]


@pytest.mark.usefixtures("prefect_server")
def test_prefect_does_not_look_into_what_a_step_is_given(database_url: str) -> None:
    engine = make_engine(database_url)
    context = NightlyContext(engine, database_url, BatchSettings(), ONE_MACHINE)
    received: list[Any] = []

    @step("Receive")
    def receive(_context: NightlyContext, held: Holder, *, named: Holder) -> Holder:
        received.extend([held, named])
        return held

    first, second = Holder((Completed(data=1),)), Holder((Completed(data=2),))

    @flow(persist_result=False)
    def one_step() -> None:
        received.append(receive(context, first, named=second))

    one_step()
    engine.dispose()
    assert received[0] is first
    assert received[1] is second
    assert received[2] is first


def test_what_a_session_sets_is_gone_with_it(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    context = NightlyContext(engine, database_url, BatchSettings(), ONE_MACHINE)
    with context.begin() as connection:
        before = connection.execute(text("show lock_timeout")).scalar_one()
    with context.session() as connection:
        connection.execute(text("set lock_timeout = '123ms'"))
        connection.commit()
    with context.begin() as connection:
        assert connection.execute(text("show lock_timeout")).scalar_one() == before
    engine.dispose()
