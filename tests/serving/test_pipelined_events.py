"""Events of several requests on one connection, however their bodies are cut into packets."""

import json

from tests.serving.conftest import Seeds
from tests.serving.process import RunApi, run_api
from tests.serving.raw import connected

__all__ = ["run_api"]

_REQUESTS = 10


def _request(key: str, event_id: str) -> bytes:
    event = {"user_id": "ann", "item_id": "film-1", "kind": "view", "event_id": event_id}
    body = json.dumps({"events": [event]})
    lines = [
        "POST /v1/events HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"X-API-Key: {key}",
        f"X-Request-ID: {event_id}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", body]).encode()


def test_each_request_is_answered_for_its_own_event(run_api: RunApi, seeds: Seeds) -> None:
    api, key = run_api(), seeds.key("write")
    # The first is not known yet, and so goes the whole way.
    for most_bytes in (10_000, 700, 97, 1):
        event_ids = [f"e{n}-{most_bytes}" for n in range(_REQUESTS)]
        asked = b"".join(_request(key, event_id) for event_id in event_ids)
        with connected(api.port) as raw:
            for start in range(0, len(asked), most_bytes):
                assert raw.send(asked[start : start + most_bytes])
            answers = [raw.answer() for _ in event_ids]
        assert [answer.status for answer in answers] == [202] * _REQUESTS
        assert [answer.headers["x-request-id"] for answer in answers] == event_ids
        recordings = [json.loads(answer.body) for answer in answers]
        assert [recording["event_ids"] for recording in recordings] == [
            [event_id] for event_id in event_ids
        ]
        assert [recording["accepted"] for recording in recordings] == [1] * _REQUESTS
