"""The placements in force, as every process has them at hand."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import orjson

from domain.errors import StoreUnavailableError
from domain.identifiers import UserId
from serving.fallback.fallback_catalogue import FallbackCopies
from serving.http.routing import provided
from serving.placements.definition import DEFAULT, EVERYWHERE, PlacementDefinition
from serving.placements.placed_experiment import PlacedExperiment
from serving.placements.placement import Placement
from serving.postgres.store import ReadStore
from serving.runtime.faults import Fault, invalid_request
from sql.statements import statements

_PLACEMENTS = statements("placements")

POLL_SECONDS = 0.5
"""After so long a change is seen at the latest, whatever became of its notification."""
_COPIED = "copied"
"""No text that the store knows versions by."""


@dataclass(frozen=True, slots=True)
class PlacementSnapshot:
    """All that is decided at one time."""

    by_name: Mapping[str, Placement] = field(
        default_factory=lambda: {DEFAULT: Placement(DEFAULT, 0)}
    )
    """Those that requests can name."""
    known: str | None = None
    """Which versions they are, as text; None: nothing was read yet."""
    experiments: Mapping[str, Sequence[PlacedExperiment]] = field(default_factory=dict)
    """Those that run, by the name of the placement."""

    def of_user(self, name: str, user_id: UserId | None) -> Placement | None:
        """What is decided for a user: by the arm the user is in, or for everybody.

        `user_id` None: it is for nobody in particular. None: there is no such placement.
        """
        placement = self.by_name.get(name)
        if user_id is None or placement is None:
            return placement
        return self.arm_at(name, user_id) or placement

    def arm_at(self, name: str, user_id: UserId, at: datetime | None = None) -> Placement | None:
        """What is decided for the arm that a user is in at a time (None: now); None: in none."""
        # Those of one placement are of one layer, where nobody is in two.
        for experiment in self.experiments.get(name, ()):
            in_arm = experiment.placement_of(user_id, at)
            if in_arm is not None:
                return in_arm
        return None

    def of_anybody(self, name: str) -> Iterator[Placement]:
        """All that is decided for some users of a placement: by it, and by arms of experiments."""
        if name in self.by_name:
            yield self.by_name[name]
        for experiment in self.experiments.get(name, ()):
            yield from experiment.placements.values()

    @classmethod
    def of(
        cls, known: str, stored: Mapping[str, Any], experiments: Sequence[Mapping[str, Any]]
    ) -> "PlacementSnapshot":
        """From versions and definitions by name, and running experiments, as they are stored."""
        everywhere = stored.get(EVERYWHERE, {"version": 0, "definition": {}})
        rules = PlacementDefinition.model_validate(everywhere["definition"]).rules
        by_name = {
            name: Placement(
                name,
                row["version"],
                PlacementDefinition.model_validate(row["definition"]),
                everywhere["version"],
                rules,
            )
            for name, row in {DEFAULT: {"version": 0, "definition": {}}, **stored}.items()
            if name != EVERYWHERE
        }
        placed: dict[str, list[PlacedExperiment]] = defaultdict(list)
        for experiment in experiments:
            name = experiment["placement"]
            if name in by_name:
                placed[name].append(PlacedExperiment.of(experiment, by_name[name]))
        return cls(by_name, known, placed)


class CurrentPlacements:
    """The snapshot of the last look; it stays as it is while PostgreSQL is away."""

    def __init__(self, store: ReadStore, copies: FallbackCopies) -> None:
        self._store = store
        self._copies = copies
        self._current = PlacementSnapshot()
        self._begun = 0
        self._seen = 0

    @property
    def current(self) -> PlacementSnapshot:
        """What is decided, as far as is known here."""
        return self._current

    async def refresh(self) -> None:
        """Look whether something else is decided; a process without PostgreSQL begins with a copy.

        StoreUnavailableError when it is away.
        """
        self._begun += 1
        number = self._begun
        try:
            parameters = {"known": self._current.known}
            (row,) = await self._store.rows(_PLACEMENTS["load_placements"], parameters)
        except StoreUnavailableError:
            if self._current.known is None:
                await self._begin_with_copy()
            raise
        # Of two looks at once the one that began later counts, as it may have seen more.
        if number < self._seen:
            return
        self._seen = number
        if row.placements is not None:
            self._current = PlacementSnapshot.of(row.known, row.placements, row.experiments)
            copy = orjson.dumps([row.placements, row.experiments])
            await self._copies.store_placements(copy)

    def find_at_hand(self, name: str | None, user_id: UserId | None = None) -> Placement | None:
        """The placement that a request names (None: the default), as it is for a user.

        None: it is not known here.
        """
        return self._current.of_user(DEFAULT if name is None else name, user_id)

    async def find(
        self, name: str | None, pointer: str, user_id: UserId | None = None
    ) -> Placement:
        """The same; looks again for one that is not known, which may just have been saved.

        FaultyInputError, at `pointer`, if there is none. StoreUnavailableError if this process was
        never told which there are.
        """
        found = self.find_at_hand(name, user_id)
        if found is not None:
            return found
        try:
            await self.refresh()
        except StoreUnavailableError:
            if self._current.known is None:
                raise
        found = self.find_at_hand(name, user_id)
        if found is None:
            names = ", ".join(sorted(self._current.by_name))
            detail = f"There is no placement {name!r}. There are: {names}."
            raise invalid_request([Fault(pointer, detail)])
        return found

    def check_takes(
        self, name: str, context: Mapping[str, str], takes: frozenset[str], pointer: str
    ) -> None:
        """FaultyInputError if a placement decides on what such lists do not have.

        Whichever arm a user is in: an app is to be told of it at once, and not for some users.
        """
        for placement in self._current.of_anybody(name):
            beyond = sorted(placement.definition.values(context).decided().keys() - takes)
            if placement.run_id is not None:
                beyond.append("the run of the nightly list")
            if beyond:
                arm = "" if placement.arm is None else f" (arm {placement.arm})"
                detail = (
                    f"{name}{arm} decides on {', '.join(beyond)}, which these lists do not have."
                    f" Name a placement that decides on {', '.join(sorted(takes))} and rules alone."
                )
                raise invalid_request([Fault(pointer, detail)])

    async def _begin_with_copy(self) -> None:
        copy = await self._copies.find_placements()
        if copy is not None and self._current.known is None:
            # Whatever it is by now is read once the store is back.
            self._current = PlacementSnapshot.of(_COPIED, *orjson.loads(copy))


FromCurrentPlacements = Annotated[CurrentPlacements, provided(CurrentPlacements)]
