"""Lists of users who are in an experiment, kept as shown: search, similar items, popular lists.

Other lists of this kind are no impressions: most are asked for by nobody in particular.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from domain.identifiers import UserId
from serving.answering.impressions import ImpressionQueue, impression_of
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
        self.impressions.put(impression_of(recommendation_id, answer, decision, user_id))
        return recommendation_id
