"""What apps have shown themselves: lists they cached, put into mails or rendered elsewhere."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from domain.identifiers import UserId
from serving.answering.kept_context import KeptContext
from serving.events.impression_schemas import PostedImpression
from serving.events.item_numbers import ItemNumbers
from serving.placements.current_placements import CurrentPlacements
from serving.postgres.store import WriteStore
from serving.runtime.faults import Fault, invalid_request, unknown_items
from sql.statements import statements

_PLACEMENTS = statements("placements")
_OLDEST = timedelta(days=7)
"""What is counted by day is not counted again for what comes later."""


class ImpressionRecorder:
    """Stores posted impressions."""

    def __init__(
        self,
        store: WriteStore,
        items: ItemNumbers,
        placements: CurrentPlacements,
        *,
        future_seconds: float,
        kept_context: KeptContext,
    ) -> None:
        self._store = store
        self._kept_context = kept_context
        self._items = items
        self._placements = placements
        self._future = timedelta(seconds=future_seconds)

    async def record(
        self, posted: Sequence[PostedImpression], *, of_user: UserId | None = None
    ) -> int:
        """Store all, or none and say why (FaultyInputError); how many were not known before.

        `of_user`: whose device has sent them; None: an app, which may say contexts that are new.
        When this returns they are committed. Sent again nothing changes. Lists that name no arm
        count for the one that their user was in at their placement when they were shown.
        """
        now = datetime.now(UTC)
        named = {
            f"/impressions/{index}/item_ids/{place}": item_id
            for index, shown in enumerate(posted)
            for place, item_id in enumerate(shown.item_ids)
        }
        found = await self._items.find(named.values())
        faults = [
            *self._wrong_times(posted, now),
            *unknown_items(named, found),
            *await self._wrong_placements(posted),
        ]
        if faults:
            raise invalid_request(faults)
        # Of one that is sent twice at once, the first counts.
        rows = {
            shown.recommendation_id: {
                **shown.to_row(now),
                **self._arm_of(shown, now),
                "item_nos": [found[item_id] for item_id in shown.item_ids],
                "context": self._kept_context.of(shown.context),
                "adds_context": of_user is None,
            }
            for shown in reversed(posted)
        }
        parameters = {"shown": orjson.dumps([*rows.values()]).decode()}
        stored = await self._store.write(_PLACEMENTS["store_posted_impressions"], parameters)
        return len(stored)

    def _arm_of(self, shown: PostedImpression, now: datetime) -> dict[str, Any]:
        """What is stored of the arm, where a list names none."""
        if shown.experiment is not None or shown.placement is None or shown.user_id is None:
            return {}
        at, user_id = shown.shown_at or now, UserId(shown.user_id)
        in_arm = self._placements.current.arm_at(shown.placement.name, user_id, at)
        if in_arm is None:
            return {}
        return {"experiment_id": in_arm.experiment_id, "arm": in_arm.arm}

    async def _wrong_placements(self, posted: Sequence[PostedImpression]) -> Sequence[Fault]:
        """Of lists that name an experiment which decides for something else.

        One that does not exist is no fault; it counts nowhere.
        """
        named = {shown.experiment.experiment_id for shown in posted if shown.experiment}
        if not named:
            return ()
        parameters = {"experiment_ids": [*named]}
        rows = await self._store.rows(_PLACEMENTS["find_placements_of_experiments"], parameters)
        placements = {row.experiment_id: row.placement for row in rows}
        return [
            Fault(
                f"/impressions/{index}/experiment",
                f"The experiment {experiment_id!r} decides for the placement"
                f" {placements[experiment_id]!r}. Name both as the answer had them.",
            )
            for index, shown in enumerate(posted)
            if shown.experiment
            and (experiment_id := shown.experiment.experiment_id) in placements
            and (shown.placement is None or shown.placement.name != placements[experiment_id])
        ]

    def _wrong_times(self, posted: Sequence[PostedImpression], now: datetime) -> list[Fault]:
        return [
            Fault(f"/impressions/{index}/shown_at", f"Give a time of the last {_OLDEST.days} days.")
            for index, shown in enumerate(posted)
            if shown.shown_at is not None
            and not now - _OLDEST <= shown.shown_at <= now + self._future
        ]
