"""The page Health: how the three layers are, from what diagnose says and what was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.administration.recent_performance import RecentPerformance
from serving.administration.schemas import WindowPerformance, window_performance
from serving.diagnosis.diagnose import Report
from serving.diagnosis.finding import Finding, Severity
from serving.runtime.metrics import DEGRADED_COUNTER

MINUTES = 15
_DOTS: Mapping[Severity, str] = {"ok": "good", "notice": "warn", "problem": "bad"}

_LAYERS: Sequence[tuple[str, str, frozenset[str]]] = (
    ("serving", "Serving", frozenset({"redis", "subscription", "impressions", "background"})),
    ("batch", "Batch", frozenset({"run", "night"})),
    (
        "speed",
        "Speed",
        frozenset({"worker", "version", "speed", "new-items", "popular", "freshness"}),
    ),
)
"""Name, title, and the checks that tell of it. What is not named is of the store."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, or the store in which they meet, as the picture shows it."""

    name: str
    title: str
    dot: str
    says: str
    """In few words: what is wrong, or that nothing is."""


@dataclass(frozen=True, slots=True)
class Health:
    """All that the page shows."""

    report: Report
    layers: Mapping[str, Layer]
    window: WindowPerformance
    degraded: Sequence[tuple[str, int]]
    """Why answers were less than they might have been, and how many, the most first."""
    processes: int
    answering: int

    @property
    def problems(self) -> int:
        """How many things need doing."""
        return sum(finding.severity == "problem" for finding in self.report.findings)


def health(report: Report, recent: RecentPerformance) -> Health:
    """What the page shows of a report and the last minutes."""
    window = recent.windows[-1]
    reasons = {
        name.removeprefix(DEGRADED_COUNTER): int(count)
        for name, count in window.counted.items()
        if name.startswith(DEGRADED_COUNTER) and count
    }
    return Health(
        report,
        layers(report.findings),
        window_performance(MINUTES, window),
        sorted(reasons.items(), key=lambda reason: -reason[1]),
        recent.processes,
        recent.answering,
    )


def layers(findings: Sequence[Finding]) -> dict[str, Layer]:
    """The layers by name, each with the worst that was found of it."""
    found = {
        name: _layer(name, title, [each for each in findings if each.check in checks])
        for name, title, checks in _LAYERS
    }
    named = frozenset[str]().union(*(checks for _, _, checks in _LAYERS))
    of_store = [each for each in findings if each.check not in named]
    return {**found, "store": _layer("store", "PostgreSQL", of_store)}


def _layer(name: str, title: str, findings: Sequence[Finding]) -> Layer:
    """The findings come worst first."""
    if not findings:
        return Layer(name, title, "", "not looked at")
    worst = findings[0]
    others = sum(each.severity != "ok" for each in findings)
    sentence = (
        "as it should be"
        if worst.severity == "ok"
        else "1 thing to look at"
        if others == 1
        else f"{others} things to look at"
    )
    return Layer(name, title, _DOTS[worst.severity], sentence)
