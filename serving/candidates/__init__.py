"""The sources of candidates: each ranks items for a user, and the blend makes one list of them.

`SOURCES` is all of them. A source is asked if the blend's policy gives it a weight. Sources read
PostgreSQL through statements, know no policy, and never see each other.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from domain.blend import CANDIDATES
from domain.rankings import Ranking
from serving.candidates.batch import BatchSource
from serving.candidates.catalogue_items import Candidates
from serving.candidates.neighbours import NeighboursSource
from serving.candidates.source import CandidateRequest, CandidateSource, ItemLookup
from serving.candidates.speed import SpeedSource
from serving.candidates.user_state import UserState

SOURCES: tuple[CandidateSource, ...] = (BatchSource(), NeighboursSource(), SpeedSource())
"""In the order they are asked. The last one searches in any case, and with the same statement the
items that the others found are looked up."""


async def collect(
    user: UserState,
    request: CandidateRequest,
    names: Collection[str],
    sources: Sequence[CandidateSource] = SOURCES,
) -> Candidates:
    """The eligible candidates of the sources that are named.

    RunGoneError if the run was dropped, StoreUnavailableError if it takes too long.
    """
    lookup, hidden = request.lookup, np.array(request.hidden, dtype=np.int32)
    lookup.add(request.named)
    found = {}
    for source in sources:
        if source.name in names:
            found[source.name] = await source.candidates(user, request)
            lookup.add(found[source.name].item_nos.tolist())
    waiting = lookup.waiting
    if waiting:
        listed = await request.recommendations.load_listed_candidates(
            user,
            waiting,
            filters=request.filters,
            with_categories=request.with_categories,
        )
        lookup.add_found(listed)
    eligible = {name: lookup.eligible(ranking) for name, ranking in found.items()}
    rankings = {name: each.without(hidden).top(CANDIDATES) for name, each in eligible.items()}
    if any(_is_scarce(rankings[name], each) for name, each in eligible.items()):
        excluding = user.changed(excluded=(*user.excluded, *request.hidden))
        again = replace(request, hidden=(), lookup=ItemLookup())
        return await collect(excluding, again, names, sources)
    among = frozenset(request.hidden)
    return Candidates(rankings, lookup.end(), tuple(no for no in lookup.new if no not in among))


def _is_scarce(kept: Ranking, eligible: Ranking) -> bool:
    """Whether so much of what was found is hidden that it has to be looked for without."""
    return len(kept) < CANDIDATES // 2 and len(kept) < len(eligible) >= CANDIDATES
