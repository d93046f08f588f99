"""Searching the catalogue: by words, by what they mean, and for whoever searches."""

from domain.identifiers import ItemNo, UserId
from serving.answering.list_kind import CachedKind
from serving.answering.pipeline import Answer, AnswerPipeline
from serving.candidates.filters import Filters
from serving.candidates.users import UserReader
from serving.exclusions.exclusions import Exclusions, UserExclusions
from serving.fallback.fallback_catalogue import FallbackCatalogue
from serving.lists.ruled_lists import ListRuler, page_key
from serving.placements.exposures import Exposures
from serving.rules.rule_set import HoldingRules
from serving.runs.live_runs import LiveRun
from serving.runtime.faults import Fault, FaultyInputError
from serving.search.query import FallbackQuery, TypedQuery, typed_query
from serving.search.query_analysis import QueryAnalyzer
from serving.search.search_list import SearchedItem, SearchList, SearchRequest
from serving.search.unruled_search import SearchStores, UnruledSearch

_ALL = 1_000_000
_NOBODY = Exclusions()


class Searcher(CachedKind[SearchRequest, SearchList]):
    """Answers searches."""

    def __init__(
        self,
        pipeline: AnswerPipeline,
        stores: SearchStores,
        fallback: FallbackCatalogue,
        *,
        ruler: ListRuler,
        exposures: Exposures,
        fresh_seconds: float,
    ) -> None:
        self._pipeline = pipeline
        self.fresh_seconds = fresh_seconds
        self.exposures = exposures
        self._analyzer = QueryAnalyzer(stores.search)
        self._stores = stores
        self._fallback = fallback
        self._ruler = ruler

    async def search(self, user_id: UserId | None, request: SearchRequest) -> Answer[SearchList]:
        """What is found; FaultyInputError if there is nothing to look for."""
        typed = typed_query(request.text)
        if not typed.wanted:
            raise nothing_to_look_for(typed)
        return await self._pipeline.answer(self, request, user_id)

    async def make(
        self, run: LiveRun | None, user: UserReader | None, request: SearchRequest
    ) -> SearchList:
        """What the run finds, then the most used, with their rules."""
        state = await user.state(exclude_seen=True) if user else None
        of_user = state.exclusions if state else _NOBODY
        run_id = run.run_id if run else None
        unruled = UnruledSearch(
            self._stores,
            run,
            request,
            await self._analyzer.analyze(run_id, typed_query(request.text)),
            self._excluded(of_user, request),
            of_user.seen,
            state.embedding if state else None,
        )
        found = await self._ruler.ruled(unruled, request)
        return await unruled.highlighted(found) if request.highlight else found

    def filters(self, request: SearchRequest) -> Filters:
        """Those of the request."""
        return request.filters

    def rules(self, request: SearchRequest) -> HoldingRules:
        """Those of the request."""
        return request.rules

    def known_position(self, request: SearchRequest) -> int | None:
        """See `CachedKind`."""
        return self._ruler.known_position(request)

    def key(self, request: SearchRequest) -> str:
        """All of the request."""
        return f"{request.scroll_key()}:{page_key(request)}"

    def excluded(self, exclusions: Exclusions, request: SearchRequest) -> frozenset[ItemNo]:
        """The user's exclusions, the pages before, and what rules hide."""
        return self._excluded(exclusions, request) | self._ruler.hidden(request)

    def _excluded(self, exclusions: Exclusions, request: SearchRequest) -> frozenset[ItemNo]:
        return exclusions.of(exclude_seen=request.exclude_seen).union(request.shown)

    decode = staticmethod(SearchList.decode)

    def make_fallback(self, known: UserExclusions, request: SearchRequest) -> SearchList:
        """The fallback, first the items whose titles have words that are looked for.

        StoreUnavailableError if it has no item that may be shown, but there may be some.
        """
        of_user = known.exclusions
        result = self._fallback.answer(
            _ALL, self.excluded(of_user, request), filters=request.filters
        )
        query = FallbackQuery.of(typed_query(request.text))
        fallback = [item for item in result.items if query.allows((item.title, *item.categories))]
        scores = {item.item_no: query.score(item.title) for item in fallback}
        if request.only_words:
            fallback = [item for item in fallback if scores[item.item_no]]
        fallback.sort(key=lambda item: -scores[item.item_no])
        items = tuple(
            SearchedItem(
                item_no=item.item_no,
                item_id=item.item_id,
                title=item.title,
                score=scores[item.item_no],
                match="words" if scores[item.item_no] else "popular",
                seen=item.item_no in of_user.seen,
            )
            for item in fallback[: request.limit]
        )
        return SearchList("fallback", result.run, items)


def nothing_to_look_for(typed: TypedQuery) -> FaultyInputError:
    """What is wrong with a query without a wanted word."""
    detail = (
        "q says only what is not wanted. Add a word to look for, as in: space -war"
        if typed.unwanted
        else "q holds no word. Give at least one word or number to look for, as in: toy story"
    )
    return FaultyInputError(detail, [Fault("query:q", detail)])
