"""What is asked of the store for a query: all of its words, and less where all are too many."""

from serving.repositories.search import UnderstoodWord
from serving.services.searching.asking import asking
from serving.services.searching.query import typed_query


def understood(
    text: str, *, begins: str | None = None, function: bool = False, items: int = 3
) -> UnderstoodWord:
    asks = f"'{text}'" if text else None
    short = begins is not None and len(text) < 3
    return UnderstoodWord(asks, begins, short, function, items)


def test_of_many_words_any_one_is_enough() -> None:
    words = "abcdefghi"
    for count, relaxed in ((8, True), (9, False)):
        asks = asking(typed_query(" ".join(words[:count]) + " "), [*map(understood, words[:count])])
        assert asks is not None
        assert (asks.match.most_of is not None) == relaxed


def test_function_words_are_looked_at_but_not_asked_for_beside_others() -> None:
    asks = asking(
        typed_query("films for children "),
        [understood("film"), understood("for", function=True), understood("children")],
    )
    assert asks is not None
    assert asks.match.all_of == "(('film') & ('children'))"
    assert asks.match.terms == ("('film')", "('for')", "('children')")
    assert asks.weights[1] < asks.weights[0] == asks.weights[2]
    alone = asking(typed_query("for "), [understood("for", function=True)])
    assert alone is not None
    assert alone.match.all_of == "(('for'))"


def test_a_short_beginning_is_looked_for_in_titles_only() -> None:
    asks = asking(typed_query("co"), [understood("co", begins="'co' | 'co':*A")])
    assert asks is not None
    assert asks.match.all_in_title == "(('co' | 'co':*A))"
    assert asks.match.all_of == asks.match.any_of.join("()") == "(('co'))"


def test_of_three_words_one_may_be_missing_before_any_is_enough() -> None:
    words = [understood(word) for word in "abc"]
    asks = asking(typed_query("a b c "), words)
    assert asks is not None
    assert asks.match.most_of == "(('b') & ('c')) | (('a') & ('c')) | (('a') & ('b'))"
    assert asks.match.any_of == "('a') | ('b') | ('c')"
    two = asking(typed_query("a b "), words[:2])
    assert two is not None
    assert two.match.most_of is None


def test_rare_words_count_more() -> None:
    asks = asking(
        typed_query("tarantino crime "),
        [understood("tarantino", items=2), understood("crime", items=5000)],
    )
    assert asks is not None
    assert asks.weights[0] > 2 * asks.weights[1]


def test_it_is_counted_how_often_a_word_was_typed() -> None:
    query = typed_query("New york new york, new ")
    assert [(one.text, one.times) for one in query.wanted] == [
        ("New", 3),
        ("york", 1),
        ("york,", 1),
    ]
    asks = asking(
        typed_query("toys toy toy"), [understood("toys"), understood("toy", begins="'toy':*")]
    )
    assert asks is not None
    assert asks.times == (1, 2, 0)


def test_phrases_that_some_item_has_and_unwanted_words_are_binding() -> None:
    query = typed_query('"toy story" space -war -peace')
    words = [understood("toy story"), understood("space"), understood("war"), understood("peace")]
    asks = asking(query, words)
    assert asks is not None
    assert (asks.binding, asks.unwanted) == ("(('toy story'))", "('war') | ('peace')")
    assert not asks.unwanted_is_common
    often = asking(query, [*words[:3], understood("peace", items=1000)])
    assert often is not None
    assert often.unwanted_is_common
    nowhere = asking(query, [understood("toy story", items=0), *words[1:]])
    assert nowhere is not None
    assert nowhere.binding is None


def test_a_query_of_which_nothing_can_be_looked_for_asks_nothing() -> None:
    assert asking(typed_query("<b> "), [understood("")]) is None
