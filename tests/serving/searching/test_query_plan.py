"""What is asked of the store for a query: all of its words, and less where all are too many."""

from serving.search.query import typed_query
from serving.search.query_plan import query_plan
from serving.search.words import AnalyzedWord


def analyzed(
    text: str, *, begins: str | None = None, function: bool = False, items: int = 3
) -> AnalyzedWord:
    asks = f"'{text}'" if text else None
    short = begins is not None and len(text) < 3
    return AnalyzedWord(asks, begins, short, function, items)


def test_of_many_words_any_one_is_enough() -> None:
    words = "abcdefghi"
    for count, relaxed in ((8, True), (9, False)):
        plan = query_plan(
            typed_query(" ".join(words[:count]) + " "), [*map(analyzed, words[:count])]
        )
        assert plan is not None
        assert (plan.match.most_of is not None) == relaxed


def test_function_words_are_looked_at_but_not_asked_for_beside_others() -> None:
    plan = query_plan(
        typed_query("films for children "),
        [analyzed("film"), analyzed("for", function=True), analyzed("children")],
    )
    assert plan is not None
    assert plan.match.all_of == "(('film') & ('children'))"
    assert plan.match.terms == ("('film')", "('for')", "('children')")
    assert plan.weights[1] < plan.weights[0] == plan.weights[2]
    alone = query_plan(typed_query("for "), [analyzed("for", function=True)])
    assert alone is not None
    assert alone.match.all_of == "(('for'))"


def test_a_short_beginning_is_looked_for_in_titles_only() -> None:
    plan = query_plan(typed_query("co"), [analyzed("co", begins="'co' | 'co':*A")])
    assert plan is not None
    assert plan.match.all_in_title == "(('co' | 'co':*A))"
    assert plan.match.all_of == plan.match.any_of.join("()") == "(('co'))"


def test_of_three_words_one_may_be_missing_before_any_is_enough() -> None:
    words = [analyzed(word) for word in "abc"]
    plan = query_plan(typed_query("a b c "), words)
    assert plan is not None
    assert plan.match.most_of == "(('b') & ('c')) | (('a') & ('c')) | (('a') & ('b'))"
    assert plan.match.any_of == "('a') | ('b') | ('c')"
    two = query_plan(typed_query("a b "), words[:2])
    assert two is not None
    assert two.match.most_of is None


def test_rare_words_count_more() -> None:
    plan = query_plan(
        typed_query("tarantino crime "),
        [analyzed("tarantino", items=2), analyzed("crime", items=5000)],
    )
    assert plan is not None
    assert plan.weights[0] > 2 * plan.weights[1]


def test_it_is_counted_how_often_a_word_was_typed() -> None:
    query = typed_query("New york new york, new ")
    assert [(word.text, word.times) for word in query.wanted] == [
        ("New", 3),
        ("york", 1),
        ("york,", 1),
    ]
    plan = query_plan(
        typed_query("toys toy toy"), [analyzed("toys"), analyzed("toy", begins="'toy':*")]
    )
    assert plan is not None
    assert plan.times == (1, 2, 0)


def test_phrases_that_some_item_has_and_unwanted_words_are_binding() -> None:
    query = typed_query('"toy story" space -war -peace')
    words = [analyzed("toy story"), analyzed("space"), analyzed("war"), analyzed("peace")]
    plan = query_plan(query, words)
    assert plan is not None
    assert (plan.binding, plan.unwanted) == ("(('toy story'))", "('war') | ('peace')")
    assert not plan.unwanted_is_common
    often = query_plan(query, [*words[:3], analyzed("peace", items=1000)])
    assert often is not None
    assert often.unwanted_is_common
    nowhere = query_plan(query, [analyzed("toy story", items=0), *words[1:]])
    assert nowhere is not None
    assert nowhere.binding is None


def test_a_query_of_which_nothing_can_be_looked_for_asks_nothing() -> None:
    assert query_plan(typed_query("<b> "), [analyzed("")]) is None
