"""What the pages of runs show: figures over the nights, one run in detail, what is served."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from domain.errors import UnknownRunError
from domain.identifiers import RunId
from serving.console.figures import FIGURES, Figure
from serving.postgres.store import ReadStore
from sql.runs import (
    ModelRun,
    RunFigures,
    find_flow_run,
    find_run,
    find_run_before,
    load_run_figures,
)

SHOWN = 30
"""The newest runs that are shown."""
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Runs:
    """The newest runs."""

    newest_first: Sequence[RunFigures]
    before: RunId | None
    """The one that a rollback would serve."""

    @property
    def live(self) -> RunFigures | None:
        """The one being served; None: none, or it is older than all that are shown."""
        return next((run for run in self.newest_first if run.run.live), None)

    def find(self, run_id: int) -> RunFigures | None:
        """One of them."""
        return next((run for run in self.newest_first if run.run.run_id == run_id), None)


@dataclass(frozen=True, slots=True)
class ChangedParameter:
    """A parameter that is another one than in the run before."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StepTime:
    """What one step took."""

    name: str
    seconds: float
    share: float
    """Of the longest step, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure of a run, and the same of others on the same future."""

    figure: Figure
    candidate: Mapping[str, float] | None
    popularity: Mapping[str, float] | None
    served: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with all that is known of it."""

    run: ModelRun
    retained: bool
    figures: Sequence[FigureRow]
    steps: Sequence[StepTime]
    compared_with: int | None
    """The run before; None: there is none, or it is unknown what it was made with."""
    changed: Sequence[ChangedParameter]
    users: int | None
    """How many users were judged."""


class RunReader:
    """Reads runs as pages show them."""

    def __init__(self, store: ReadStore) -> None:
        self._store = store

    async def load(self) -> Runs:
        """The newest runs."""
        found = await self._store.read(partial(load_run_figures, limit=SHOWN))
        return Runs(found, await self._store.read(find_run_before))

    async def detail(self, run_id: int) -> RunDetail:
        """One run; UnknownRunError."""
        run = await self._store.read(partial(find_run, run_id=run_id))
        if run is None:
            raise UnknownRunError(f"There is no run {run_id}.")
        before = await self._store.read(partial(find_run, run_id=run_id - 1))
        runs = await self._store.read(partial(load_run_figures, limit=SHOWN))
        known = Runs(runs, None).find(run_id)
        return run_detail(run, before, retained=known is not None and known.retained)

    async def flow_run(self, run_id: int) -> UUID | None:
        """The flow run of Prefect that made a run; None: it is not known."""
        return await self._store.read(partial(find_flow_run, run_id=run_id))


def run_detail(run: ModelRun, before: ModelRun | None, *, retained: bool) -> RunDetail:
    """A run as its page shows it."""
    evaluation = run.metrics.get("evaluation") or {}
    is_compared = before is not None and before.parameters and run.parameters
    return RunDetail(
        run,
        retained,
        list(_figure_rows(evaluation)),
        _steps(run.step_seconds or {}),
        before.run_id if before is not None and is_compared else None,
        changed_parameters(before.parameters or {}, run.parameters or {})
        if before is not None and is_compared
        else (),
        run.metrics.get("evaluated_users"),
    )


def _figure_rows(evaluation: Mapping[str, Any]) -> Iterator[FigureRow]:
    of = {
        who: evaluation.get(who, {}).get("all", {}) for who in ("candidate", "popularity", "served")
    }
    for figure in FIGURES:
        if figure.name in of["candidate"]:
            yield FigureRow(figure, *(of[who].get(figure.name) for who in of))


def _steps(seconds: Mapping[str, float]) -> list[StepTime]:
    """The longest first."""
    longest = max(seconds.values(), default=0.0) or 1.0
    named = sorted(seconds.items(), key=lambda step: -step[1])
    return [StepTime(name, took, took / longest) for name, took in named]


def changed_parameters(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[ChangedParameter]:
    """What differs, by dotted name; what was learned, as vectors are, is no parameter."""
    first, second = dict(_flat(before)), dict(_flat(after))
    return [
        ChangedParameter(name, _text(first.get(name)), _text(second.get(name)))
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
    ]


def _flat(parameters: Mapping[str, Any], beginning: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{beginning}{name}.")
        elif not isinstance(value, list):
            yield beginning + name, value


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)[:_LONGEST_VALUE]
