"""Model runs as people look at them: one way for the command line and for HTTP."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from domain.identifiers import RunId
from sql.statements import statements

_RUNS = statements("runs")


@dataclass(frozen=True, slots=True)
class ModelRun:
    """One run, as a list shows it; shown by itself it has its parameters and steps too."""

    run_id: int
    state: str
    live: bool
    cut_off_at: datetime
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    """What it took; None: it has not ended."""
    metrics: dict[str, Any]
    reason: str | None
    """Why it was refused or failed."""
    parameters: dict[str, Any] | None = None
    """None, as below: not asked for."""
    step_seconds: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What was measured of one run, on the held-out future of all users that were judged."""

    run: ModelRun
    retained: bool
    """Whether it can be served again."""
    candidate: dict[str, dict[str, float]]
    """By figure, as `ndcg@20`: `mean`, and `low` and `high` where there is an interval; empty, as
    below: not measured."""
    popularity: dict[str, dict[str, float]]
    """The same of the popular list."""
    served: dict[str, dict[str, float]]
    """The same of the run that was served then."""


def load_run_figures(connection: Connection, *, limit: int) -> list[RunFigures]:
    """The newest runs with their figures, newest first."""
    rows = connection.execute(_RUNS["load_run_figures"], {"runs": limit})
    return [_figures(dict(row._mapping)) for row in rows]  # noqa: SLF001 -- columns by name


def _figures(stored: dict[str, Any]) -> RunFigures:
    retained = stored.pop("retained")
    measured = {name: stored.pop(name) or {} for name in ("candidate", "popularity", "served")}
    return RunFigures(run=ModelRun(**stored), retained=retained, **measured)


def load_runs(
    connection: Connection, *, limit: int | None = None, before: int | None = None
) -> list[ModelRun]:
    """The newest runs before the one of a number (None: of all), newest first."""
    parameters = {"runs": limit, "before": before}
    return [ModelRun(**row._asdict()) for row in connection.execute(_RUNS["load_runs"], parameters)]


def find_live_run(connection: Connection) -> ModelRun | None:
    """The run being served; None before the first."""
    row = connection.execute(_RUNS["find_live_run"]).one_or_none()
    return None if row is None else ModelRun(**row._asdict())


def find_flow_run(connection: Connection, run_id: int) -> UUID | None:
    """The flow run of Prefect that made a run; None: there is no such run, or it is not known."""
    found: UUID | None = connection.execute(
        _RUNS["find_flow_run"], {"run_id": run_id}
    ).scalar_one_or_none()
    return found


def find_run(connection: Connection, run_id: int) -> ModelRun | None:
    """One run, with all that is known of it; None if there never was such a run."""
    row = connection.execute(_RUNS["find_run"], {"run_id": run_id}).one_or_none()
    return None if row is None else ModelRun(**row._asdict())


def find_live_run_no(connection: Connection) -> int | None:
    """The number of the run being served; None before the first."""
    return connection.execute(_RUNS["find_live_run_no"]).scalar_one_or_none()


def newest_run_no(connection: Connection) -> int:
    """The number of the newest run; 0 before the first."""
    return int(connection.execute(_RUNS["newest_run_no"]).scalar_one())


def find_run_before(connection: Connection) -> RunId | None:
    """The newest retained run that is older than the one being served; None: there is none."""
    found = connection.execute(_RUNS["find_run_before"]).scalar_one_or_none()
    return None if found is None else RunId(found)
