"""What was found is put in order by its words first, then by what the user likes or many use."""

from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo
from serving.search.search_ranking import ranked
from serving.search.words import Found


def found(item_no: int, *field_weights: float, **more: float) -> Found:
    given = {"title_words": 2, "density": 0.0, "meaning": 0.0, "taste": 0.0, "users": 0, **more}
    return Found(ItemNo(item_no), f"i{item_no}", "", field_weights, **given)  # type: ignore[arg-type]


def order(
    *items: Found, terms: tuple[float, ...] = (1.0, 1.0), personal: bool = False
) -> list[int]:
    return [item.item_no for item, _ in ranked(items, terms, personal=personal)]


def test_items_with_all_words_come_first_then_those_with_some_then_those_with_none() -> None:
    items = (found(1, 0.0, 0.0, meaning=0.1), found(2, 1.0, 0.0), found(3, 0.4, 0.4))
    assert order(*items) == [3, 2, 1]


def test_a_title_that_is_the_query_comes_before_a_longer_one() -> None:
    assert order(found(1, 1.0, 1.0, title_words=5), found(2, 1.0, 1.0)) == [2, 1]


def test_a_title_that_says_a_word_again_and_again_is_not_all_of_what_was_typed() -> None:
    again, title = found(1, 1.0, title_words=3, density=1.0), found(2, 1.0, title_words=1)
    assert order(again, title, terms=(1.0,)) == [2, 1]
    typed_so = [
        item.item_no for item, _ in ranked([title, again], (1.0,), times=[3], personal=False)
    ]
    assert typed_so == [1, 2]


def test_of_equal_matches_the_user_likes_decide_and_else_what_many_use() -> None:
    items = (found(1, 1.0, 1.0, users=9, taste=-1.0), found(2, 1.0, 1.0, users=1, taste=1.0))
    assert order(*items) == [1, 2]
    assert order(*items, personal=True) == [2, 1]


SCORES = st.floats(-1, 1, width=32)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.2, 0.4, 0.6, 1.0]), st.floats(0, 50, width=32), SCORES, SCORES,
            st.integers(0, 10**6),
        ),
        max_size=12,
    ),
    st.booleans(),
)  # fmt: skip
def test_every_item_is_ranked_and_the_order_does_not_depend_on_the_input_order(
    given_items: list[tuple[float, float, float, float, int]],
    personal: bool,  # noqa: FBT001 -- given by Hypothesis
) -> None:
    items = [
        found(n, field_weight, density=density, meaning=meaning, taste=taste, users=users)
        for n, (field_weight, density, meaning, taste, users) in enumerate(given_items)
    ]
    ordered = ranked(items, (1.0,), personal=personal)
    scores = [score for _, score in ordered]
    assert scores == sorted(scores, reverse=True)
    assert sorted(item.item_no for item, _ in ordered) == list(range(len(items)))
    backwards = ranked(items[::-1], (1.0,), personal=personal)
    assert [item.item_no for item, _ in backwards] == [item.item_no for item, _ in ordered]
