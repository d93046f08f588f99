"""One check of the canary, over HTTP: an event in, the list that shows it out, the event back."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Final, Literal
from urllib.parse import quote

import orjson

PATIENCE_SECONDS: Final = 5.0
"""Lists that follow later are late."""
_ANSWER_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.25
_LONGER = 1.3
_LIST = "/v1/users/me/recommendations?limit=1"

Outcome = Literal["fresh", "late", "failed"]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a check; seconds count from the sending of the event."""

    outcome: Outcome
    stored_seconds: float | None = None
    """Until it was answered; None: it was not."""
    seconds: float | None = None
    """Until a list was answered that shows it; None unless fresh."""


class _RefusedError(Exception):
    """The API answered with an error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class CanaryClient:
    """Asks the API at an address as one user, whose token it has."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def check(self, event_id: str) -> Measured:
        """Post an event, and read the list until it shows the event."""
        try:
            return self._measured(event_id)
        except (OSError, HTTPException, _RefusedError):
            return Measured("failed")
        finally:
            self._connection.close()

    def take_back(self, event_ids: Iterable[str]) -> list[str]:
        """Which of these events are out of the log for certain: all, unless the API is away."""
        try:
            return [event_id for event_id in event_ids if self._is_out(event_id)]
        except (OSError, HTTPException):
            return []
        finally:
            self._connection.close()

    def _measured(self, event_id: str) -> Measured:
        before = self._ask("GET", _LIST)
        known = before["policy"]["events_since_cut_off"]
        if not before["items"]:
            return Measured("failed")
        item_id = before["items"][0]["item_id"]
        event = {"user_id": "me", "item_id": item_id, "kind": "view", "event_id": event_id}
        began = time.perf_counter()
        self._ask("POST", "/v1/events", {"events": [event]})
        stored_seconds = time.perf_counter() - began
        seconds = self._seconds_until_shown(known, began)
        return Measured("late" if seconds is None else "fresh", stored_seconds, seconds)

    def _seconds_until_shown(self, known: int, began: float) -> float | None:
        """Until a list is answered of a live vector that knows more than `known` events."""
        pause = _FIRST_PAUSE_SECONDS
        while time.perf_counter() - began < PATIENCE_SECONDS:
            if self._ask("GET", _LIST)["policy"]["events_since_cut_off"] > known:
                return time.perf_counter() - began
            time.sleep(pause)
            pause = min(pause * _LONGER, _LONGEST_PAUSE_SECONDS)
        return None

    def _is_out(self, event_id: str) -> bool:
        try:
            self._ask("DELETE", f"/v1/events/{quote(event_id, safe='')}")
        except _RefusedError as error:
            # What was never received is not in the log.
            return error.status == HTTPStatus.NOT_FOUND
        return True

    def _ask(self, method: str, path: str, content: object = None) -> Any:
        body = None if content is None else orjson.dumps(content)
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise _RefusedError(answer.status)
        return orjson.loads(text)
