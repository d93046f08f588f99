"""The statements that this process sends to any database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def noticed(note: Callable[[str, Any], None]) -> Iterator[None]:
    """Call `note` in the block with every statement that is about to be sent, and its values."""

    def take_note(*call: Any) -> None:
        note(call[2], call[3])

    event.listen(Engine, "before_cursor_execute", take_note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", take_note)
