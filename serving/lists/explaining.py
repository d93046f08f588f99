"""Explaining a list: which of the user's own items brought each recommendation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from domain.identifiers import ItemNo, Position, RunId, UserNo
from serving.candidates.live_vector_inputs import ItemName, LiveVectorInputs, ProfileReader
from serving.lists.because import because
from serving.lists.recommendation_list import Cause, RecommendedItem
from sql.interests import Interests, Phrases

MOST_CAUSES = 3

Shares = Sequence[tuple[ItemNo, float]]
"""Items of the user with their shares, the largest first."""


class Explainer:
    """Adds causes to the items of a list."""

    def __init__(self, profiles: ProfileReader) -> None:
        self._profiles = profiles

    async def explained(
        self,
        run_id: RunId,
        user_no: UserNo | None,
        known: Position,
        items: Sequence[RecommendedItem],
        extra_interests: Interests,
    ) -> tuple[RecommendedItem, ...]:
        """The same items with their causes; RunGoneError if the run was dropped.

        `known`: the position up to which the user's live vector knows the log;
        `extra_interests`: interests it was made with beside those the user has declared.
        """
        item_nos = [item.item_no for item in items]
        inputs = await self._profiles.load_live_vector_inputs(
            run_id, user_no, known, item_nos, extra_interests
        )
        shares = largest_shares(inputs, item_nos)
        names = await self._profiles.load_names(_distinct(shares.values()))
        return tuple(
            replace(item, because=_causes(shares.get(item.item_no, ()), names, inputs.phrases))
            for item in items
        )


def largest_shares(inputs: LiveVectorInputs, item_nos: Sequence[ItemNo]) -> dict[ItemNo, Shares]:
    """What of the user's own had the largest shares in each item's speed score.

    Items without a vector are left out; they have no speed score.
    """
    asked = np.array(item_nos, dtype=np.int32)
    asked = asked[inputs.items.rows_of(asked) >= 0]
    contributions = because(inputs.space, inputs.items, inputs.history, asked)
    shares = contributions.shares()
    order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_CAUSES]
    return {
        ItemNo(no): [
            (ItemNo(int(contributions.item_nos[index])), float(shares[row, index]))
            for index in order[row]
            if shares[row, index] > 0.0
        ]
        for row, no in enumerate(asked.tolist())
    }


def _distinct(shares: Iterable[Shares]) -> list[ItemNo]:
    return sorted({no for of_item in shares for no, _ in of_item if no > 0})


def _causes(
    shares: Shares, names: Mapping[ItemNo, ItemName], phrases: Phrases
) -> tuple[Cause, ...]:
    return tuple(
        Cause(names[no].item_id, names[no].title, share)
        if no > 0
        else Cause(None, None, share, interest=phrases.text_of(no))
        for no, share in shares
    )
