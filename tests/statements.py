"""The statements that this process sends to any database."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from sql import pipelining
from sql.driver_rows import load_rows
from sql.pipelining import Question


@contextmanager
def noticed(note: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `note` in the block with every statement that is about to be sent, and its values."""

    def take_note(*call: Any) -> None:
        note(call[2], call[3])

    async def noted_rows(engine: Any, statement: Any, parameters: Any) -> Sequence[Any]:
        note(statement.text, parameters)
        return await load_rows(engine, statement, parameters)

    sent = pipelining._sent

    def noted_question(driver: Any, question: Question) -> Any:
        note(question.statement.text, question.parameters)
        return sent(driver, question)

    event.listen(Engine, "before_cursor_execute", take_note)
    try:
        # What is asked of the driver itself goes past SQLAlchemy.
        with (
            patch("serving.postgres.connections.load_rows", noted_rows),
            patch("sql.pipelining._sent", noted_question),
        ):
            yield
    finally:
        event.remove(Engine, "before_cursor_execute", take_note)
