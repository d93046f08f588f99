"""What is logged of a Redis that is there and refuses."""

import structlog
from redis.exceptions import ResponseError

from serving.redis.redis_faults import RedisFaults
from serving.runtime.metrics import ServingMetrics


def test_a_refusal_is_logged_once_while_it_goes_on_and_another_one_again() -> None:
    faults = RedisFaults(ServingMetrics())
    full, read_only = ResponseError("OOM command not allowed"), ResponseError("READONLY replica")
    with structlog.testing.capture_logs() as logs:
        for refusal in (full, full, read_only, read_only, full):
            faults.note_refusal(refusal)
    assert [log["error"] for log in logs] == [str(full), str(read_only), str(full)]
