"""The daily housekeeping: analysts' counts are made, and what is old is cleared away."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, ParamSpec, TypeVar

from prefect import Task, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field
from sqlalchemy import Engine
from sqlalchemy.pool import NullPool

from batch.history.old_impressions import count_up_old_impressions
from batch.history.rollups import count_rollups
from domain.errors import InvalidInputError
from flows.prefect_history import clear_old_runs
from flows.run_names import by_day
from flows.settings import HousekeepingSettings
from sql.audit import delete_old_entries
from sql.engine import FLOW, make_engine
from sql.expired_sign_ins import clear_expired_sign_ins
from sql.settings import AttributionSettings, DatabaseSettings
from sql.statements import statements

_IMPRESSIONS_AT_ONCE = 10_000
"""About how many impressions one transaction deletes."""
_SIGN_INS_AT_ONCE = 10_000

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Cleared:
    """What one housekeeping deleted."""

    impressions: int
    impression_days: int
    """Days of which impressions were counted up."""
    runs: int
    artifacts: int
    sign_ins: int
    """Sessions, tokens, links and attempts to sign in."""
    audit_entries: int
    rejects: int
    """Messages of Kafka that could not be recorded."""
    reports: int
    """Loads over HTTP whose reports lost the rows of files they had."""
    contexts: int
    """Contexts that no list and no event had any more."""
    context_counts: int
    """Counts of a day by what a context said."""

    def to_text(self) -> str:
        """In plain sentences."""
        return (
            f"Deleted {self.impressions:,} impressions of {self.impression_days:,} days, which stay"
            f" as counts by day, {self.runs:,} old flow runs with their task runs, logs and"
            f" {self.artifacts:,} artifacts, {self.audit_entries:,} entries of the audit log,"
            f" {self.rejects:,} messages of Kafka that could not be recorded, the rows of files in"
            f" the reports of {self.reports:,} loads, {self.context_counts:,} counts by context,"
            f" {self.contexts:,} contexts that no list and no event has, and"
            f" {self.sign_ins:,} sessions, tokens, links and attempts to sign in that were over."
        )


def _part(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a task, which is called the same in every run."""
    return task(name=name, task_run_name=name, cache_policy=NO_CACHE, persist_result=False)


@flow(
    name="housekeeping",
    description="Make the counts that analysts read, and clear away Prefect's old runs, sign-ins"
    " that are over, old entries of the audit log, and old impressions, which stay as counts.",
    flow_run_name=by_day("housekeeping"),
    persist_result=False,
)
def housekeeping(
    *,
    prefect_days: Annotated[float | None, Field(ge=1)] = None,
    impression_days: Annotated[int | None, Field(ge=8)] = None,
    audit_days: Annotated[int | None, Field(ge=30)] = None,
    reject_days: Annotated[int | None, Field(ge=1)] = None,
) -> Cleared:
    """Clear away what is old; what was deleted. Left empty, a parameter is as set up.

    Interactions, receipts of events and deletions are never touched.

    Args:
        prefect_days: days after their end flow runs are kept, with their logs and artifacts
        impression_days: days impressions are kept, and counts by context; after that impressions
            are counts by day
        audit_days: days entries of the audit log are kept
        reject_days: days messages of Kafka that could not be recorded are kept, and rows of files
            in the reports of loads over HTTP

    """
    asked = {
        "prefect_days": prefect_days,
        "impression_days": impression_days,
        "audit_days": audit_days,
        "reject_days": reject_days,
    }
    chosen = {name: value for name, value in asked.items() if value is not None}
    settings = HousekeepingSettings.model_validate(HousekeepingSettings().model_dump() | chosen)
    _check(settings)
    now = datetime.now(UTC)
    count_for_analysts(now)
    oldest_day = (now - timedelta(days=settings.impression_days)).date()
    cleared_days = clear_impressions(oldest_day, _IMPRESSIONS_AT_ONCE)
    runs, artifacts = clear_runs(now - timedelta(days=settings.prefect_days))
    sign_ins = clear_sign_ins(_SIGN_INS_AT_ONCE)
    entries = clear_audit_log(now - timedelta(days=settings.audit_days))
    rejects = clear_kafka_rejects(now - timedelta(days=settings.reject_days))
    reports = clear_reports_of_loads(now - timedelta(days=settings.reject_days))
    counts, contexts = clear_contexts(oldest_day)
    cleared = Cleared(
        impressions=sum(cleared_days.values()),
        impression_days=len(cleared_days),
        runs=runs,
        artifacts=artifacts,
        sign_ins=sign_ins,
        audit_entries=entries,
        rejects=rejects,
        reports=reports,
        contexts=contexts,
        context_counts=counts,
    )
    get_run_logger().info(cleared.to_text())
    create_markdown_artifact(
        f"# Housekeeping\n\n{cleared.to_text()}",
        key="housekeeping-summary",
        description="What the housekeeping deleted",
    )
    return cleared


@_part("Count for analysts")
def count_for_analysts(now: datetime) -> None:
    """What views of the schema `analytics` read; before impressions are deleted."""
    days = AttributionSettings().attribution_days
    for counted in count_rollups(_engine().begin, now, days):
        get_run_logger().info("Counted %s.", counted)


@_part("Count up old impressions")
def clear_impressions(before: date, most: int) -> dict[date, int]:
    """Impressions of the days before `before` become counts; how many by day."""
    engine = _engine()
    counted_days: Counter[date] = Counter()
    for day, counted in count_up_old_impressions(engine.begin, before, most):
        counted_days[day] += counted
        get_run_logger().info("%s impressions of %s are counted.", f"{counted:,}", day)
    return dict(counted_days)


@_part("Clear away expired sign-ins")
def clear_sign_ins(most: int) -> int:
    """How many sessions, tokens, links and attempts were deleted."""
    return clear_expired_sign_ins(_engine().begin, most)


@_part("Clear away old flow runs")
def clear_runs(before: datetime) -> tuple[int, int]:
    """How many flow runs that ended before `before` were deleted, and how many artifacts."""
    runs = artifacts = 0
    for cleared in clear_old_runs(before):
        runs += cleared.runs
        artifacts += cleared.artifacts
        get_run_logger().info("%s flow runs are deleted.", f"{runs:,}")
    return runs, artifacts


@_part("Clear away old rejects of Kafka")
def clear_kafka_rejects(before: datetime) -> int:
    """How many messages that could not be recorded before `before` were deleted."""
    with _engine().begin() as connection:
        statement = statements("kafka")["delete_old_kafka_rejects"]
        return int(connection.execute(statement, {"before": before}).scalar_one())


@_part("Clear rows of files out of old reports")
def clear_reports_of_loads(before: datetime) -> int:
    """How many loads over HTTP that ended before `before` had rows of files in their reports."""
    with _engine().begin() as connection:
        statement = statements("uploads")["clear_old_upload_rows"]
        return int(connection.execute(statement, {"before": before}).scalar_one())


@_part("Clear away contexts that nothing has")
def clear_contexts(before: date) -> tuple[int, int]:
    """How many counts by context of days before `before` were deleted, and how many contexts."""
    asked = statements("housekeeping")
    with _engine().begin() as connection:
        statement = asked["clear_context_days"]
        counts = connection.execute(statement, {"before": before}).scalar_one()
    with _engine().begin() as connection:
        return int(counts), int(connection.execute(asked["clear_unused_contexts"]).scalar_one())


@_part("Clear away old audit entries")
def clear_audit_log(before: datetime) -> int:
    """How many entries of before `before` were deleted."""
    with _engine().begin() as connection:
        return delete_old_entries(connection, before)


def _check(settings: HousekeepingSettings) -> None:
    """InvalidInputError if impressions would go before what became of them is known."""
    days = AttributionSettings().attribution_days
    if settings.impression_days <= days:
        raise InvalidInputError(
            f"Impressions are to be kept for {settings.impression_days} days, and what becomes of"
            f" them is counted for {days}: let TANDEM_HOUSEKEEPING_IMPRESSION_DAYS be more than"
            " TANDEM_ATTRIBUTION_DAYS."
        )


def _engine() -> Engine:
    url = DatabaseSettings().database_url.get_secret_value()
    return make_engine(url, application_name=FLOW, poolclass=NullPool)
