"""What the canary's figures mean, as a table: no store is asked."""

import pytest

from serving.diagnosis.finding import Bounds
from serving.diagnosis.freshness import judge_freshness
from serving.freshness.measured_freshness import MeasuredFreshness
from tests.serving.good_health import NOW, ago

NOTHING = MeasuredFreshness(0, 0, None, None, None, None, [])


def measured(
    p50: float = 0.05, p99: float = 0.2, fresh: int = 60, others: int = 0, **last: float
) -> MeasuredFreshness:
    return MeasuredFreshness(fresh, others, p50, p99, p99, ago(**(last or {"seconds": 30})), [])


@pytest.mark.parametrize(
    ("found", "canary_seconds", "severity", "words"),
    [
        (NOTHING, 0, "notice", "Nobody measures"),
        (NOTHING, 60, "ok", "Nothing was measured in the last hour"),
        (measured(), 60, "ok", "Half of the lists follow a click within 0.05 s"),
        (measured(), 0, "ok", "Half of the lists"),
        (measured(p99=1.2), 60, "notice", "99 of 100 within 1.20 s; 1 s are promised"),
        (measured(p50=1.1, p99=3.0), 60, "problem", "1 s are promised"),
        (measured(p99=1.2, fresh=2), 60, "ok", "within 1.20 s"),
        (measured(fresh=59, others=1), 60, "notice", "60 checks in the last hour, 1 saw no list"),
        (measured(fresh=20, others=20), 60, "problem", "40 checks in the last hour, 20 saw"),
        (measured(minutes=20), 60, "notice", "has not measured for 20 minutes"),
        (measured(minutes=20), 0, "ok", "Half of the lists"),
        (measured(minutes=20), 600, "ok", "Half of the lists"),
    ],
)
def test_how_soon_lists_follow_is_judged(
    found: MeasuredFreshness, canary_seconds: float, severity: str, words: str
) -> None:
    finding = judge_freshness(found, Bounds(), NOW, canary_seconds=canary_seconds)
    assert (finding.check, finding.severity) == ("freshness", severity)
    assert words in finding.what
    assert (finding.advice is None) == (severity == "ok")
