"""The sources of candidates: each ranks items for a user, and the blend makes one list of them.

`SOURCES` is all of them. A source is asked if the blend's policy gives it a weight. Sources read
PostgreSQL through statements, know no policy, and never see each other.
"""

from collections.abc import Collection, Sequence

from domain.blend import CANDIDATES
from serving.candidates.batch import BatchSource
from serving.candidates.catalogue_items import Candidates
from serving.candidates.neighbours import NeighboursSource
from serving.candidates.recommendations import UserState
from serving.candidates.source import CandidateRequest, CandidateSource
from serving.candidates.speed import SpeedSource

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
    lookup = request.lookup
    found = {}
    for source in sources:
        if source.name in names:
            found[source.name] = await source.candidates(user, request)
            lookup.add(found[source.name].item_nos.tolist())
    if lookup.waiting:
        listed = await request.recommendations.load_listed_candidates(
            user,
            lookup.waiting,
            filters=request.filters,
            with_categories=request.with_categories,
        )
        lookup.add_found(listed)
    rankings = {name: lookup.eligible(ranking).top(CANDIDATES) for name, ranking in found.items()}
    return Candidates(rankings, lookup.items, lookup.new)
