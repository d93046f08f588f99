"""What a request becomes: it comes first, then the placement, then the settings."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.blend import BlendPolicy
from serving.answering.list_values import SOURCE_NAMES, seconds_of
from serving.filtering.expression import Document
from serving.lists.list_builder import RerankingPolicy
from serving.placements.definition import PlacementDefinition
from serving.placements.placement import Placement
from serving.recommendations.recommendation_body import RecommendationBody
from serving.recommendations.recommendation_query import RecommendationQuery

SETTINGS = RerankingPolicy(0.07, 0.17, 7, 7 * 3600.0)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "limit": st.integers(1, 100),
    "exclude_seen": st.booleans(),
    "diversity": st.sampled_from([0.0, 0.25, 1.0]),
    "explore": st.sampled_from([0.0, 0.25, 0.5]),
    "max_per_category": st.integers(1, 100),
    "sharpness": st.sampled_from([0.5, 2.0, 9.0]),
}
SOME = st.fixed_dictionaries({}, optional=FIELDS)
NOT_AGAIN = st.fixed_dictionaries({}, optional={"not_again": st.sampled_from(["0h", "5h", "3d"])})
WEIGHING = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"policy": st.sampled_from(["fixed", "adaptive", "learned"])}),
    st.fixed_dictionaries(
        {
            "weights": st.dictionaries(
                st.sampled_from(SOURCE_NAMES), st.sampled_from([0.5, 2.0]), min_size=1
            )
        }
    ),
)
USUAL = {"limit": 20, "exclude_seen": True, "sharpness": None}
OF_SETTINGS = {
    "diversity": SETTINGS.diversity,
    "explore": SETTINGS.explore,
    "max_per_category": SETTINGS.max_per_category,
}


def joined(*parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


DEFINITIONS = st.builds(joined, SOME, NOT_AGAIN, WEIGHING)


def query_of(fields: dict[str, Any]) -> RecommendationQuery:
    """As a query says it."""
    written = {
        name: [f"{source}:{weight}" for source, weight in value.items()]
        if name == "weights"
        else str(value).lower()
        for name, value in fields.items()
    }
    return RecommendationQuery.model_validate(written)


@given(DEFINITIONS, DEFINITIONS)
def test_a_request_comes_before_its_placement_and_that_before_the_settings(
    fields: dict[str, Any], decided: dict[str, Any]
) -> None:
    placement = Placement("home", 3, PlacementDefinition.model_validate(decided))
    placed = placement.placed(query_of(fields).asked()).request
    complete = placed.with_defaults(SETTINGS)
    expected = {**USUAL, **OF_SETTINGS, **decided, **fields}
    for name in ("limit", "exclude_seen", "diversity", "explore", "max_per_category"):
        assert getattr(complete, name) == expected[name], name
    not_again = {**decided, **fields}.get("not_again")
    seconds = SETTINGS.not_again_seconds if not_again is None else seconds_of(not_again)
    assert complete.not_again_seconds == seconds
    assert placed.blend.sharpness == expected["sharpness"]
    weighing = fields if fields.keys() & {"weights", "policy"} else decided
    assert dict(placed.blend.weights) == weighing.get("weights", {})
    assert placed.blend.policy == weighing.get("policy")
    # Whatever was said by whom, it can be applied.
    placed.blend.applied(BlendPolicy(), None)


@given(st.builds(joined, SOME, WEIGHING), DEFINITIONS)
def test_a_body_and_a_query_become_the_same_request(
    fields: dict[str, Any], decided: dict[str, Any]
) -> None:
    placement = Placement("home", 3, PlacementDefinition.model_validate(decided))
    body = RecommendationBody.model_validate({"user_id": "ann", **fields})
    of_body, of_query = (
        placement.placed(asked).request for asked in (body.asked(), query_of(fields).asked())
    )
    assert replace(of_body, in_body=False) == of_query


@given(DEFINITIONS, DEFINITIONS, st.sampled_from(["phone", "tablet", "desk", None]))
def test_the_first_variant_that_fits_the_context_is_laid_over_the_rest(
    decided: dict[str, Any], varied: dict[str, Any], device: str | None
) -> None:
    variants = [
        {"when": {"device": ["phone"], "daypart": ["night"]}, "limit": 99},
        {"when": {"device": ["phone", "tablet"]}, **varied},
        {"when": {"device": ["tablet"]}, "limit": 98},
    ]
    whole = PlacementDefinition.model_validate({**decided, "variants": variants})
    context = {} if device is None else {"device": device}
    query = RecommendationQuery(context=[f"{name}:{value}" for name, value in context.items()])
    placed = Placement("home", 3, whole).placed(query.asked()).request
    fits = device in {"phone", "tablet"}
    if fits and varied.keys() & {"weights", "policy"}:
        decided = {name: decided[name] for name in decided.keys() - {"weights", "policy"}}
    plain = PlacementDefinition.model_validate({**decided, **varied} if fits else decided)
    assert placed == Placement("home", 3, plain).placed(RecommendationQuery().asked()).request


@given(DEFINITIONS)
def test_a_definition_is_stored_as_it_was_written(decided: dict[str, Any]) -> None:
    written = PlacementDefinition.model_validate(decided)
    assert written.to_dict() == decided
    assert PlacementDefinition.model_validate(written.to_dict()) == written


def test_both_filters_hold_and_one_by_what_is_the_users_own_waits_for_the_user() -> None:
    placement = Placement("home", 1, PlacementDefinition(filter="year >= 1990"))
    placed = placement.placed(RecommendationQuery(filter='genre = "Drama"').asked())
    assert placed.own_filter is None
    written = placed.request.filters.written
    assert written is not None
    assert written.text == '(genre = "Drama") and (year >= 1990)'
    for year, genre, passes in (
        (1995, "Drama", True),
        (1980, "Drama", False),
        (1995, "War", False),
    ):
        document = Document({"year": year, "genre": genre}, {})
        assert written.expression.holds(document, datetime.now(UTC)) is passes
    own = Placement("home", 2, PlacementDefinition(filter="genre in user.genres"))
    waiting = own.placed(RecommendationQuery().asked())
    assert (waiting.request.filters.written, waiting.own_filter is None) == (None, False)
