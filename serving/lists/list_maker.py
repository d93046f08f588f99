"""Making one user's list from one run: the blend, the re-ranking, and the backfill."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain.blend import BATCH, SPEED, BlendedRanking, BlendPolicy, blend
from domain.errors import StoreUnavailableError
from domain.identifiers import ItemNo, UserNo
from domain.rankings import Ranking
from serving.candidates import collect
from serving.candidates.catalogue_items import Candidates, NewItems
from serving.candidates.filters import EVERYTHING, Filters
from serving.candidates.live_vector_inputs import ProfileReader
from serving.candidates.recommendations import Recommendations
from serving.candidates.source import CandidateRequest
from serving.candidates.user_state import UserState
from serving.candidates.users import StateReader
from serving.lists.additions import AdditionApplier
from serving.lists.arranging import RankedPool
from serving.lists.backfill import Backfiller
from serving.lists.explaining import explained
from serving.lists.explanation import count_removed, explanation
from serving.lists.list_builder import ExplorationSchedule, ListBuilder
from serving.lists.preferring import PreferenceApplier
from serving.lists.recommendation_list import (
    AppliedPolicy,
    RecommendationList,
    RecommendedItem,
    Strategy,
    degraded_by,
    with_scores,
)
from serving.lists.request import RecommendationRequest
from serving.lists.reranking import Reranker
from serving.lists.ruling import (
    RuleApplier,
    Ruled,
    boosted_items,
    pool_of_candidates,
    ranked_items,
    rule_effects,
)
from serving.rules.resolved_rules import NOTHING_RESOLVED, ResolvedRules
from serving.rules.rule_items import RuleItems
from serving.runs.live_runs import ItemIndex, LiveRun, trusted
from serving.runs.vector_indexes import VECTOR_INDEX
from serving.runtime.budget import searching


@dataclass(frozen=True, slots=True)
class Unused:
    """What was shown to a user and not used, and so gives way."""

    item_nos: Sequence[ItemNo]
    """The oldest first."""
    seen_lately: Sequence[ItemNo]
    """What stays out whatever happens."""


_NOTHING_BLENDED = blend({}, {}, 1.0)
_STRANGER = UserState(Ranking.empty(), None, 0, ())


class ListMaker:
    """Makes lists; a list has as many items as were asked for, or all that are eligible."""

    def __init__(
        self,
        recommendations: Recommendations,
        profiles: ProfileReader,
        rule_items: RuleItems,
        policy: BlendPolicy,
        *,
        log_events: int = 20_000,
        recall_bound: float,
        new_item_users: int,
        on_candidates: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._recommendations = recommendations
        self._profiles = profiles
        self._additions = AdditionApplier(profiles)
        self._preferences = PreferenceApplier(recommendations.store)
        self._policy = policy
        self._backfiller = Backfiller(recommendations, log_events=log_events)
        self._rules = RuleApplier(recommendations.store, self._backfiller, rule_items)
        self._reranker = Reranker(recommendations, new_item_users=new_item_users)
        self._recall_bound = recall_bound
        self._on_candidates = on_candidates
        """Gets the number of candidates of each list."""

    async def make(
        self,
        run: LiveRun | None,
        reader: StateReader | None,
        request: RecommendationRequest,
    ) -> RecommendationList:
        """The best list that `run` has for a user; None: a user the log has never seen."""
        policy = request.blend.applied(self._policy, run.learned if run else None)
        user_no = reader.user_no if reader else None
        rules = await self._rules.resolve(request)
        schedule = ExplorationSchedule.now(user_no, run)
        user = _STRANGER
        if reader is not None:
            at_once = _searches_at_once(run, request, policy, rules)
            user = await self._user(reader, request, schedule, searches_at_once=at_once)
            user = await self._recommendations.with_batch_list(user, request.batch_run_id)
        user, without_additions = await self._additions.with_additions(run, user_no, user, request)
        if request.decision is not None and request.decision.is_popular:
            user = replace(user, batch=Ranking.empty(), embedding=None)
        unused = await self._unused(user_no, request)
        seen_lately = (*user.excluded, *request.shown)
        if unused or request.shown:
            user = user.changed(excluded=(*seen_lately, *unused))
        candidates, degraded = await self._candidates_in_time(
            run, user, request, schedule, policy, rules=rules
        )
        if rules.hidden:
            user = user.changed(excluded=(*user.excluded, *rules.hidden))
            seen_lately = (*seen_lately, *rules.hidden)
        degraded = degraded or without_additions or rules.degraded
        if run is None or not candidates:
            return await self._popular_list(
                run,
                user,
                candidates,
                request,
                policy,
                rules=rules,
                unused=Unused(unused, seen_lately),
                degraded=degraded,
            )
        ranked, applied = _blended(candidates, policy, user.events_since_cut_off)
        self._on_candidates(len(ranked))
        preferred = await self._preferences.applied(
            run, user, candidates, ranked, request, sharpness=applied.sharpness
        )
        boosted = rules.boosted(preferred.ranked)
        builder, reranking_degraded = await self._reranker.reranked(
            run, preferred.candidates, boosted, request, schedule
        )
        filling = await self._filled(run, builder, user, request, Unused(unused, seen_lately))
        ruled = Ruled(builder.items)
        if rules.arranges:
            pool = pool_of_candidates(ruled.items, preferred.candidates, boosted, rules.named)
            ruled = await self._rules.arranged(run, rules, pool, user.excluded, request)
        result = RecommendationList(
            _strategy(candidates),
            run,
            applied,
            ruled.items,
            degraded or preferred.degraded or reranking_degraded or filling or ruled.degraded,
            vector_at=user.vector_at,
            preferences=preferred.preferences,
        )
        if not request.explain:
            return result
        effects = rule_effects(rules, preferred.ranked, ruled.arrangement)
        result = await self._explained(run, result, user_no, user, request)
        explained = explanation(candidates, ranked, result.items, preferred.changes, effects)
        if result.degraded is None:
            wanted = self._wanted(run, request, NewItems(), NOTHING_RESOLVED)
            names = policy.weights(user.events_since_cut_off)
            removed = await count_removed(
                user,
                wanted,
                names,
                candidates,
                capped=builder.deferred + ruled.capped,
                hidden=frozenset(rules.hidden),
            )
            explained = replace(explained, removed=removed)
        return replace(result, explanation=explained)

    async def _user(
        self,
        reader: StateReader,
        request: RecommendationRequest,
        schedule: ExplorationSchedule,
        *,
        searches_at_once: bool,
    ) -> UserState:
        """What is known of the user, with what is nearest if it is found by the same statement."""
        if not searches_at_once:
            return await reader.state(exclude_seen=request.exclude_seen)
        return await reader.state_and_nearest(
            exclude_seen=request.exclude_seen,
            new=self._reranker.new_items(request, schedule),
            with_categories=request.max_per_category is not None,
        )

    async def _filled(
        self,
        run: LiveRun,
        builder: ListBuilder,
        user: UserState,
        request: RecommendationRequest,
        unused: "Unused",
    ) -> str | None:
        """Make a list long enough; why it may be too short, if it may."""
        try:
            await self._backfiller.fill(run, builder, user.excluded, request.filters)
            await self._backfiller.add_unused(
                builder, unused.item_nos, unused.seen_lately, request.filters
            )
        except StoreUnavailableError as error:
            return degraded_by(error)
        return None

    async def _popular_list(
        self,
        run: LiveRun | None,
        user: UserState,
        candidates: Candidates,
        request: RecommendationRequest,
        policy: BlendPolicy,
        *,
        rules: ResolvedRules,
        unused: "Unused",
        degraded: str | None,
    ) -> RecommendationList:
        """A list for a user of whom no source knows anything."""
        builder = ListBuilder(request.limit, request.max_per_category)
        wanted = request.decision.fallback if request.decision else None
        listed, strategy = await self._backfiller.load_for_strangers(
            run, wanted, user.excluded, request.filters
        )
        items, preferred = await self._preferences.popular(run, user, candidates, listed, request)
        boosted = boosted_items(rules, items)
        await self._backfiller.begin(builder, boosted, user.excluded, request.filters)
        await self._backfiller.add_unused(
            builder, unused.item_nos, unused.seen_lately, request.filters
        )
        pool = RankedPool.of(builder.items, boosted)
        ruled = await self._rules.arranged(run, rules, pool, user.excluded, request)
        result = RecommendationList(
            strategy,
            run,
            AppliedPolicy.of_no_source(policy),
            ruled.items,
            degraded or preferred.degraded or ruled.degraded,
            preferences=preferred.preferences,
        )
        effects = rule_effects(rules, ranked_items(items), ruled.arrangement)
        if not request.explain or not (preferred.changes or effects):
            return result
        explained = explanation(
            candidates, _NOTHING_BLENDED, ruled.items, preferred.changes, effects
        )
        return replace(result, explanation=explained)

    async def _unused(
        self, user_no: UserNo | None, request: RecommendationRequest
    ) -> Sequence[ItemNo]:
        """What was shown to the user and not used, and so gives way; the oldest first."""
        if not request.not_again_seconds or user_no is None:
            return ()
        return await self._recommendations.load_unused(user_no, seconds=request.not_again_seconds)

    async def _explained(
        self,
        run: LiveRun,
        result: RecommendationList,
        user_no: UserNo | None,
        user: UserState,
        request: RecommendationRequest,
    ) -> RecommendationList:
        """The list with its causes, if that is asked for."""
        if not request.explain or user.known is None:
            return result
        try:
            items = await explained(
                self._profiles, run.run_id, user_no, user.known, result.items, added=user.added
            )
        except StoreUnavailableError as error:
            return replace(result, degraded=result.degraded or degraded_by(error))
        return replace(result, items=items)

    async def popular(
        self,
        run: LiveRun | None,
        *,
        limit: int,
        excluded: Sequence[ItemNo] = (),
        filters: Filters = EVERYTHING,
    ) -> tuple[RecommendedItem, ...]:
        """What is popular among the eligible, then any other eligible items."""
        builder = ListBuilder(limit)
        first = with_scores(await self._backfiller.load_popular(run, excluded, filters))
        await self._backfiller.begin(builder, first, excluded, filters)
        return builder.items

    async def _candidates_in_time(
        self,
        run: LiveRun | None,
        user: UserState,
        request: RecommendationRequest,
        schedule: ExplorationSchedule,
        policy: BlendPolicy,
        *,
        rules: ResolvedRules,
    ) -> tuple[Candidates, str | None]:
        """Those of all sources; if a search takes too long, the batch list's, and why."""
        try:
            with searching(among_few=request.filters.keep_few):
                new = self._reranker.new_items(request, schedule)
                found = await self._candidates(run, user, request, new, policy, rules=rules)
            return found, VECTOR_INDEX if self._lacks_index(run, user, request) else None
        except StoreUnavailableError as error:
            without_search = user.changed(embedding=None)
            found = await self._candidates(
                run, without_search, request, NewItems(), policy, rules=rules
            )
            lacking = self._lacks_index(run, user, request)
            return found, VECTOR_INDEX if lacking else degraded_by(error)

    def _lacks_index(
        self, run: LiveRun | None, user: UserState, request: RecommendationRequest
    ) -> bool:
        """Whether the search had to do without an index that should be there."""
        asked = (
            user.embedding is not None
            and request.filters == EVERYTHING
            and request.blend.asks(SPEED)
        )
        return asked and self._recommendations.lacks(self._trusted_index(run))

    def _trusted_index(self, run: LiveRun | None) -> ItemIndex | None:
        return trusted(run.index if run is not None else None, self._recall_bound)

    async def _candidates(
        self,
        run: LiveRun | None,
        user: UserState,
        request: RecommendationRequest,
        new: NewItems,
        policy: BlendPolicy,
        *,
        rules: ResolvedRules,
    ) -> Candidates:
        if run is None or (user.embedding is None and not len(user.batch)):
            return Candidates({})
        wanted = self._wanted(run, request, new, rules)
        return await collect(user, wanted, policy.weights(user.events_since_cut_off))

    def _wanted(
        self, run: LiveRun, request: RecommendationRequest, new: NewItems, rules: ResolvedRules
    ) -> CandidateRequest:
        """What sources are asked."""
        return CandidateRequest(
            run.run_id,
            self._recommendations,
            filters=request.filters,
            index=self._trusted_index(run),
            new=new,
            with_categories=request.max_per_category is not None,
            named=rules.named,
            hidden=rules.hidden,
        )


def _searches_at_once(
    run: LiveRun | None,
    request: RecommendationRequest,
    policy: BlendPolicy,
    rules: ResolvedRules,
) -> bool:
    """Whether one statement can read the user and search: nothing else is asked of the list.

    Items of a run without an index are few, and to compare with all of them is never late.
    """
    return (
        run is not None
        and run.index is None
        and request.is_plain
        and not rules.named
        and policy.weights(0).keys() == {BATCH, SPEED}
    )


def _blended(
    candidates: Candidates, policy: BlendPolicy, events_since_cut_off: int
) -> tuple[BlendedRanking, AppliedPolicy]:
    weights = policy.weights(events_since_cut_off)
    ranked = blend(candidates.rankings, weights, policy.sharpness)
    applied = AppliedPolicy(policy.policy, ranked.weights, policy.sharpness, events_since_cut_off)
    return ranked, applied


def _strategy(candidates: Candidates) -> Strategy:
    having = {name for name, ranking in candidates.rankings.items() if len(ranking)}
    if having == {BATCH}:
        return "batch"
    return "speed" if having == {SPEED} else "blend"
