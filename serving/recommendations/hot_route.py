"""The short way to one user's list, before all else that the app does with a request.

Most requests ask for the list of one user, with a key. The middleware and FastAPI's dependencies
would take ten times as long as a cached list needs, and a fifth of what a list takes that is made
anew, so both are given here, as plain ASGI:

1.  `_asked`: method, path, query and headers are what most requests have. The user of a path and
    the parameters of a query are remembered, so that they are validated once.
2.  Not too many are looked for already, and the route's own requirement (`RequiredScope.grants`)
    knows the key and counts the request against its limit.
3.  `Recommender.find_at_hand`: the cached list, which Redis is asked for in one command. It is
    there only if nothing has dropped it since, and then passes the checks that the pipeline makes
    of any cached list: run, catalogue, expiry. It counts as shown (impressions), as a hit, and as
    lately asked for. How many other requests are under way (`RequestSlots`) does not matter: to
    give such a list costs no more than to refuse it.
4.  `LastingPart.written`: what all answers with the list have in common was written when it was
    first given; what is of this answer alone stands before it. Tag and 304 are those of any list.
5.  Whoever has no cached list, or wants none, gets what `Recommender.recommend` makes, as the
    route itself does it, if there is a slot.
6.  Headers, compression, metrics and the line in the log are made by the functions that the
    middleware calls.

Whatever is not so goes the whole way, with the grant that was found out here, so that nothing is
counted twice. Nothing is decided here that the whole way does not decide by the same function;
`tests/serving/test_hot_route.py` compares the two. The whole way is left: other methods, tokens and
cookies, pages of other origins, bodies, queries with something wrong, `cursor`, `explain`,
`fields`, `filter` and a placement that decides on fields, filters by what is the user's own or has
rules for some users, and placements that this process does not know.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial

import structlog
from pydantic import TypeAdapter, ValidationError
from starlette.routing import Match
from starlette.types import Scope, Send

from domain.errors import TandemError
from domain.identifiers import UserId
from serving.access.requirements import required_scope
from serving.answering.cache import AtHand
from serving.answering.list_response import LastingPart
from serving.http.direct_route import (
    ACCEPT_ENCODING,
    KEY,
    REQUEST_ID,
    UNUSUAL,
    DirectAnswer,
    DirectSender,
    headers_of,
    problem_answer,
    route_of,
)
from serving.http.errors import internal_problem, problem_of
from serving.http.paths import is_utf8, paths_as_sent
from serving.http.refusals import request_id_of
from serving.http.routing import Services
from serving.http.shedding import RequestSlots
from serving.http.values import UserIdentifier
from serving.lists.cursor import Scroll, ShownItems, is_last
from serving.lists.request import RecommendationRequest
from serving.placements.current_placements import CurrentPlacements
from serving.placements.placement import AskedList, Placement
from serving.recommendations.recommend import CacheableRequest, Recommendation, Recommender
from serving.recommendations.recommendation_query import RecommendationQuery
from serving.recommendations.routes import binding_of, router
from serving.recommendations.schemas import fields_of_answer, recommendation_answer
from serving.rules.rule_set import HoldingRules
from serving.runtime.budget import ask_without_blame
from serving.runtime.faults import FaultyInputError
from serving.runtime.metrics import ServingMetrics

log = structlog.get_logger()

_PATH = "/v1/users/{user_id}/recommendations"
_BEGINNING, _END = b"/v1/users/", b"/recommendations"
_MOST_USERS, _MOST_QUERIES = 20_000, 1_000
"""Paths and queries that are remembered."""
_LONGEST = 500
"""Bytes of a path or a query; longer ones are not remembered."""
_IF_NONE_MATCH = b"if-none-match"
_READ = frozenset({KEY, REQUEST_ID, _IF_NONE_MATCH, ACCEPT_ENCODING})
_UNUSUAL = UNUSUAL | {b"content-length"}
"""Headers of requests that are not answered here."""
_USER_ID: TypeAdapter[str] = TypeAdapter(UserIdentifier)


@dataclass(frozen=True, slots=True, eq=False)
class _ParsedQuery:
    """What a query says; each is equal to itself alone, and can be remembered by."""

    placement: str | None
    of_list: AskedList


@dataclass(frozen=True, slots=True)
class _Query:
    """What a query asks for at its placement."""

    request: RecommendationRequest
    cacheable: CacheableRequest | None
    """None: its lists are not cached."""
    scroll_key: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be answered here."""

    user_id: UserId
    query: _Query
    headers: Mapping[bytes, str]
    recommender: Recommender


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What answers with one list have in common."""

    lasting: LastingPart
    shown: ShownItems | None
    """Where the list goes on after; None: it ends."""


class HotLists:
    """Answers what most requests ask for, from the cache where it can."""

    def __init__(self, lookups: RequestSlots, slots: RequestSlots, metrics: ServingMetrics) -> None:
        self._lookups = lookups
        self._slots = slots
        self._route = route_of(router.routes, _PATH, "GET")
        self._requirement = required_scope(self._route)
        self._sender = DirectSender(metrics, self._route.path_format, "GET")
        self._user_of = lru_cache(_MOST_USERS)(self._read_path)
        self._parsed_of = lru_cache(_MOST_QUERIES)(self._read_query)
        self._query_of = lru_cache(_MOST_QUERIES)(_placed)

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a request; False: nothing was sent, and it is to go the whole way."""
        started = time.perf_counter()
        asked = self._asked(scope)
        if (
            asked is None
            or self._lookups.full()
            or not self._requirement.grants(scope["state"], asked.headers[KEY])
        ):
            return False
        with self._lookups.taken():
            cached = await _cached(asked)
        request_id = request_id_of(asked.headers.get(REQUEST_ID))
        answer = partial(
            self._sender.answer,
            state=scope["state"],
            send=send,
            request_id=request_id,
            accepted=asked.headers.get(ACCEPT_ENCODING, ""),
            started=started,
        )
        if cached is not None:
            await answer(cached)
            return True
        self._requirement.begin_budget(scope["state"])
        if self._slots.full():
            return False
        with self._slots.taken(), structlog.contextvars.bound_contextvars(request_id=request_id):
            await answer(_made(asked, scope, request_id))
        return True

    def _asked(self, scope: Scope) -> _Asked | None:
        """What is asked; None: it may be something unusual."""
        if scope["method"] != "GET" or scope["root_path"]:
            return None
        path, query_string = scope.get("raw_path") or b"", scope["query_string"]
        if not (path.startswith(_BEGINNING) and path.endswith(_END)) or (
            len(path) + len(query_string) > _LONGEST or "spare_connection" in scope["state"]
        ):
            return None
        headers = headers_of(scope, _READ, _UNUSUAL)
        if headers is None or KEY not in headers:
            return None
        services: Services = scope["state"]["services"]
        recommender = services[Recommender]
        user_id = self._user_of(path)
        if user_id is None:
            return None
        query = self._query(query_string, user_id, services[CurrentPlacements], recommender)
        if query is None:
            return None
        return _Asked(user_id, query, headers, recommender)

    def _read_path(self, raw_path: bytes) -> UserId | None:
        """The user it names; None: it is not a path of this route, or names nobody."""
        if not is_utf8(raw_path):
            return None
        sent: Scope = {"type": "http", "method": "GET", "path": "", "raw_path": raw_path}
        match, found = self._route.matches({**sent, **paths_as_sent(sent)})
        if match is not Match.FULL:
            return None
        try:
            return UserId(_USER_ID.validate_python(found["path_params"]["user_id"]))
        except ValidationError:
            return None

    def _query(
        self,
        query_string: bytes,
        user_id: UserId,
        placements: CurrentPlacements,
        recommender: Recommender,
    ) -> _Query | None:
        """What it asks for; None: something unusual, or something is wrong with it."""
        parsed = self._parsed_of(query_string)
        if parsed is None:
            return None
        placement = placements.find_at_hand(parsed.placement, user_id)
        if placement is None or placement.rules.asks_user:
            return None
        rules = placement.rules.holding(datetime.now(UTC), parsed.of_list.context)
        return self._query_of(parsed, placement, rules, recommender)

    def _read_query(self, query_string: bytes) -> _ParsedQuery | None:
        """What it says; None: something unusual, or something is wrong with it."""
        # Bytes that are not encoded would be taken for those of another alphabet.
        if not query_string.isascii() or not all(map(is_utf8, query_string.split(b"&"))):
            return None
        asked: RecommendationQuery | None = self._route.read_query(query_string)
        if asked is None or asked.explain or asked.cursor is not None or asked.filter is not None:
            return None
        try:
            return _ParsedQuery(asked.placement, asked.asked())
        except FaultyInputError:
            return None


def _placed(
    parsed: _ParsedQuery, placement: Placement, rules: HoldingRules, recommender: Recommender
) -> _Query | None:
    """What a query asks for at a placement where these rules hold; None: something unusual."""
    placed = placement.placed(parsed.of_list, rules)
    if placed.fields or placed.own_filter is not None:
        return None
    request = placed.request.with_defaults(recommender.reranking)
    return _Query(request, recommender.cacheable(request), placed.scroll_key)


def _path_of(scope: Scope) -> str:
    """The path as the app sees it that goes the whole way."""
    path: str = paths_as_sent(scope)["path"]
    return path


async def _cached(asked: _Asked) -> DirectAnswer | None:
    """The answer with a cached list; None: there is none, or not all is well."""
    cacheable = asked.query.cacheable
    if cacheable is None:
        return None
    found = await asked.recommender.find_at_hand(asked.user_id, cacheable)
    if found is None:
        return None
    given, at_hand = found
    prepared = _prepared(asked, given, at_hand)
    fields = fields_of_answer(given, _next(asked, prepared.shown))
    return DirectAnswer(*prepared.lasting.written(fields, asked.headers.get(_IF_NONE_MATCH)))


async def _made(asked: _Asked, scope: Scope, request_id: str) -> DirectAnswer:
    """The answer with the list that the route itself would give, or what it would say is wrong."""
    query = asked.query
    if query.request.filters.written is not None:
        # Each item of the catalogue is looked at, as `OwnValues` says.
        ask_without_blame()
    try:
        given = await asked.recommender.recommend(asked.user_id, query.request)
        binding = binding_of(asked.user_id, query.scroll_key)
        following = Scroll.begin().after(given.answer.result, query.request.limit, binding)
        answer = recommendation_answer(asked.user_id, given, explained="no", next_cursor=following)
        lasting = LastingPart.of(answer, is_for_all=False)
    except TandemError as error:
        return problem_answer(problem_of(_path_of(scope), request_id, error))
    except Exception:  # as RequestRecord does, the last of the middleware
        log.exception("request_failed")
        return problem_answer(internal_problem(_path_of(scope), request_id))
    return DirectAnswer(*lasting.written(answer, asked.headers.get(_IF_NONE_MATCH)))


def _prepared(asked: _Asked, given: Recommendation, at_hand: AtHand) -> _Prepared:
    """Made with the first answer."""
    if at_hand.made is None:
        answer = recommendation_answer(asked.user_id, given, explained="no")
        ends = is_last(given.answer.result, asked.query.request.limit)
        at_hand.made = _Prepared(
            LastingPart.of(answer, is_for_all=False),
            None if ends else ShownItems.of(at_hand.item_nos),
        )
    prepared: _Prepared = at_hand.made
    return prepared


def _next(asked: _Asked, shown: ShownItems | None) -> str | None:
    """Where the list goes on; None: it ends."""
    if shown is None:
        return None
    binding = binding_of(asked.user_id, asked.query.scroll_key)
    return shown.cursor(Scroll.begin().began_at, binding)
