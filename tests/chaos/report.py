"""The figures of a run: one JSON object for programs, a summary for people."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from tests.chaos.counters import Counters, percentile
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.nights import Nights
from tests.chaos.options import ChaosOptions
from tests.chaos.recovery import Prober, Recovered
from tests.chaos.violations import Violations

RECOVERY_BOUND_SECONDS = 5.0
_LEAST_POWER = 0.5
ALWAYS_ZERO = (
    "lost",
    "interests_lost",
    "duplicated",
    "mixed_version_answers",
    "reads_5xx",
    "seen_item_shown",
    "effects_wrong",
    "undone_effects_wrong",
    "reads_unanswered",
    "other_violations",
)
_NAMES = {
    "lost": "lost",
    "interests lost": "interests_lost",
    "duplicated": "duplicated",
    "mixed versions": "mixed_version_answers",
    "read answered with 5xx": "reads_5xx",
    "seen item shown": "seen_item_shown",
    "effect wrong": "effects_wrong",
    "undone effect wrong": "undone_effects_wrong",
    "read unanswered": "reads_unanswered",
}

Figures = dict[str, Any]


def figures(
    options: ChaosOptions,
    *,
    counters: Counters,
    fault_injector: FaultInjector,
    nights: Nights,
    prober: Prober,
    violations: Violations,
    checked: Figures,
) -> Figures:
    """Everything measured; `checked` is what the comparison at the end adds."""
    counts = {name: violations.counts[kind] for kind, name in _NAMES.items()}
    known = sum(counts.values())
    kills = [recovery for recovery in fault_injector.recovered if recovery.what.startswith("kill")]
    pauses = [
        recovery for recovery in fault_injector.recovered if recovery.what.startswith("pause")
    ]
    return {
        "seconds": options.seconds,
        "seed": options.seed,
        "acknowledged": counters.acknowledged,
        **counts,
        "other_violations": violations.counts.total() - known,
        "violations_by_kind": dict(violations.counts),
        "reads": counters.reads,
        "reads_by_endpoint": dict(counters.reads_by_endpoint),
        "read_attempts": dict(counters.read_statuses),
        "read_p50_ms": _milliseconds(percentile(counters.read_seconds, 0.5)),
        "read_p99_ms": _milliseconds(percentile(counters.read_seconds, 0.99)),
        "read_with_retries_p99_ms": _milliseconds(percentile(counters.patient_seconds, 0.99)),
        "levels": dict(counters.strategies),
        "sources": dict(counters.sources),
        "short_answers": counters.short,
        "seen_item_shown_by_level": dict(counters.seen_by_strategy),
        "exclusions_unknown": counters.exclusions_unknown,
        "seen_items_unknown": counters.seen_items_unknown,
        "longest_own_lag_ms": _milliseconds(counters.longest_lag_seconds),
        "events_sent": counters.events,
        "event_attempts": dict(counters.write_statuses),
        "batches_sent_again": counters.sent_again,
        "skipped": counters.skipped,
        "deletes_acknowledged": counters.deletes_acknowledged,
        "users_forgotten": counters.users_forgotten,
        "interests_stated": counters.interests_stated,
        "users_loaded_in_bulk": counters.users_loaded_in_bulk,
        "kills": fault_injector.kills.total(),
        "kills_by_kind": dict(fault_injector.kills),
        "pauses": fault_injector.pauses.total(),
        "pauses_by_kind": dict(fault_injector.pauses),
        "nights": dict(nights.outcomes),
        "max_recovery_seconds": _longest(kills),
        "max_recovery_by_kind": _longest_by_what(kills),
        "max_recovery_after_pause_by_kind": _longest_by_what(pauses),
        "max_gross_recovery_seconds": max(
            (round(recovery.gross_seconds, 3) for recovery in kills), default=None
        ),
        "max_start_seconds": _starts(fault_injector.start_seconds),
        "fresh_after_recovery_p50_ms": _milliseconds(percentile(prober.fresh_seconds, 0.5)),
        "fresh_after_recovery_max_ms": _milliseconds(max(prober.fresh_seconds, default=None)),
        **checked,
    }


def holds(figures: Figures) -> bool:
    """Whether every promise was kept, and enough was compared to say so."""
    longest = figures["max_recovery_seconds"]
    recovered = longest is None or longest <= RECOVERY_BOUND_SECONDS
    return recovered and _is_conclusive(figures) and not any(figures[name] for name in ALWAYS_ZERO)


def _is_conclusive(figures: Figures) -> bool:
    """Whether there was something to compare, and a wrong run would mostly have been noticed."""
    power = figures["version_check_power"]
    compared = figures["vectors_checked"] > 0 and figures["final_lists_checked"] > 0
    return compared and (power is None or power > _LEAST_POWER)


def summary(figures: Figures) -> list[str]:
    """For people, with rich's markup."""
    lines = [
        f"kills: {figures['kills']} ({_counted(figures['kills_by_kind'])})",
        f"pauses: {figures['pauses']} ({_counted(figures['pauses_by_kind'])})",
        f"nights: {_counted(figures['nights'])}; rollbacks: {figures['rollbacks']}",
        f"reads: {figures['reads']:,} ({_counted(figures['levels'])})",
        f"  p50 {figures['read_p50_ms']} ms, p99 {figures['read_p99_ms']} ms",
        f"events acknowledged: {figures['acknowledged']:,}",
    ]
    for name in ALWAYS_ZERO:
        colour = "red" if figures[name] else "green"
        lines.append(f"  [{colour}]{name.replace('_', ' '):<24}{figures[name]:>6}[/]")
    if not _is_conclusive(figures):
        lines.append("  [red]too little was compared to say[/]")
    longest = figures["max_recovery_seconds"]
    late = longest is not None and longest > RECOVERY_BOUND_SECONDS
    lines.append(
        f"  [{'red' if late else 'green'}]{'longest recovery':<24}{longest or 0.0:>6.2f} s[/]"
        f"  ({_counted(figures['max_recovery_by_kind'])})"
    )
    return lines


def _counted(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _longest(recovered: Iterable[Recovered]) -> float | None:
    return max((round(recovery.seconds, 3) for recovery in recovered), default=None)


def _longest_by_what(recovered: Iterable[Recovered]) -> dict[str, float]:
    longest: dict[str, float] = defaultdict(float)
    for recovery in recovered:
        kind = recovery.what.partition(" ")[2]
        longest[kind] = max(longest[kind], round(recovery.seconds, 3))
    return dict(longest)


def _starts(start_seconds: Iterable[tuple[str, float]]) -> dict[str, float]:
    longest: dict[str, float] = defaultdict(float)
    for name, seconds in start_seconds:
        kind = name.partition("-")[0]
        longest[kind] = max(longest[kind], round(seconds, 3))
    return dict(longest)
