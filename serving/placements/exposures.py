"""Lists of users who are in an experiment, kept as shown: search, similar items, popular lists.

Other lists of this kind are no impressions: most are asked for by nobody in particular.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from domain.identifiers import UserId
from serving.answering.impressions import Impression, ImpressionQueue
from serving.answering.pipeline import Answer
from serving.lists.decision import Decision
from serving.runtime.random_ids import random_uuid


@dataclass(eq=False, slots=True)
class Exposures:
    """Keeps them."""

    impressions: ImpressionQueue

    def note(
        self, user_id: UserId | None, decision: Decision | None, answer: Answer[Any]
    ) -> uuid.UUID | None:
        """The recommendation id under which a list counts as shown; None: no experiment has it."""
        if user_id is None or decision is None or decision.experiment_id is None:
            return None
        recommendation_id = random_uuid()
        self.impressions.put(_impression(recommendation_id, user_id, decision, answer))
        return recommendation_id


def _impression(
    recommendation_id: uuid.UUID, user_id: UserId, decision: Decision, answer: Answer[Any]
) -> Impression:
    result = answer.result
    return Impression(
        recommendation_id=recommendation_id,
        user_no=answer.user_no,
        run_id=result.run.run_id if result.run else None,
        source=answer.source,
        item_nos=[item.item_no for item in result.items],
        explored=(),
        shown_at=datetime.now(UTC),
        placement=decision.placement,
        placement_version=decision.version,
        experiment_id=decision.experiment_id,
        arm=decision.arm,
        user_id=user_id,
        context=decision.context,
        adds_context=decision.adds_context,
    )
