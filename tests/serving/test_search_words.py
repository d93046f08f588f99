"""The pure parts of a search: taking queries apart, counting slips, marking, ordering."""

import html
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identifiers import ItemNo
from serving.repositories.search import MARKS, Found, MarkedText, UnderstoodWord
from serving.services.searching.asking import asking
from serving.services.searching.held_query import HeldQuery
from serving.services.searching.highlighting import folded_as_stored, highlighted, highlights
from serving.services.searching.order import in_order
from serving.services.searching.query import Typed, TypedQuery, typed_query
from serving.services.searching.slips import forgiven, slips
from serving.services.searching.title_matching import folded, title_matches

LETTERS = st.text(alphabet="abc", max_size=8)
TEXTS = st.text(max_size=40)


def taken_apart(text: str) -> tuple[list[list[str]], list[str]]:
    query = typed_query(text)
    wanted = [[one.text for one in alternative] for alternative in query.alternatives]
    return wanted, [one.text for one in query.unwanted]


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("toy story", [["toy", "story"]], []),
        ('"toy story" 2', [["toy story", "2"]], []),
        ("space -war", [["space"]], ["war"]),
        ('space -"star wars"', [["space"]], ["star wars"]),
        ("tom hanks or tarantino", [["tom", "hanks"], ["tarantino"]], []),
        ("or toy or  or story or ", [["toy"], ["story"]], []),
        ("toy or", [["toy", "or"]], []),
        ('toy "or" story', [["toy", "or", "story"]], []),
        ("spider-man", [["spider-man"]], []),
        ('"never closed', [["never closed"]], []),
        ('a"b"c', [["a", "b", "c"]], []),
        ("- -- ... !!", [], []),
    ],
)
def test_a_query_is_taken_apart_as_web_search_engines_do(
    text: str, wanted: list[list[str]], unwanted: list[str]
) -> None:
    assert taken_apart(text) == (wanted, unwanted)


def test_only_a_last_word_with_nothing_behind_it_is_unfinished() -> None:
    def unfinished(text: str) -> list[str]:
        return [one.text for one in typed_query(text).wanted if one.unfinished]

    assert unfinished("toy sto") == ["sto"]
    for text in ("toy sto ", '"toy sto"', '"toy sto', "toy -sto"):
        assert unfinished(text) == []


@given(TEXTS)
def test_anything_can_be_taken_apart(text: str) -> None:
    query = typed_query(text)
    assert all(query.alternatives)
    assert sum(one.unfinished for one in query.wanted) <= 1
    assert query.replaced([one.text for one in query.wanted]) == query


def test_a_corrected_word_is_finished() -> None:
    query = typed_query("space oddyssey").replaced(["space", "odyssey"])
    assert query == TypedQuery(((Typed("space"), Typed("odyssey")),), ())


@pytest.mark.parametrize(
    ("typed", "meant", "count"),
    [
        ("odyssey", "odyssey", 0), ("oddyssey", "odyssey", 1), ("odysey", "odyssey", 1),
        ("odissey", "odyssey", 1), ("odyssye", "odyssey", 1), ("toy", "", 3), ("ca", "abc", 3),
    ],
)  # fmt: skip
def test_slips_are_letters_too_many_missing_wrong_or_exchanged(
    typed: str, meant: str, count: int
) -> None:
    assert slips(typed, meant) == count


@given(LETTERS, LETTERS)
def test_slips_are_the_same_in_both_directions_and_none_only_between_equals(
    one: str, other: str
) -> None:
    count = slips(one, other)
    assert count == slips(other, one)
    assert (count == 0) == (one == other)
    assert abs(len(one) - len(other)) <= count <= max(len(one), len(other))


@given(LETTERS, st.integers(0, 8), st.sampled_from("abc"))
def test_one_slip_is_counted_once(word: str, place: int, letter: str) -> None:
    place = min(place, len(word))
    assert slips(word[:place] + letter + word[place:], word) == 1
    if place < len(word):
        assert slips(word[:place] + word[place + 1 :], word) == 1
        assert slips(word[:place] + letter + word[place + 1 :], word) <= 1


@given(LETTERS, LETTERS)
def test_no_slip_is_forgiven_in_short_words(one: str, other: str) -> None:
    count = forgiven(one, other)
    assert count == forgiven(other, one) <= 2
    assert count == 0 or min(len(one), len(other)) >= 4 * count


def marked(text: str, places: list[tuple[int, int]]) -> str:
    pieces, done = [], 0
    for begins, ends in places:
        pieces += [text[done:begins], MARKS[0], text[begins:ends], MARKS[1]]
        done = ends
    return "".join([*pieces, text[done:]])


CLEAN = st.text(
    alphabet=st.characters(exclude_characters=MARKS, exclude_categories=["Cs"]), max_size=200
)


@given(CLEAN, st.lists(st.integers(0, 200), max_size=8), st.integers(0, 30))
def test_a_highlighted_text_is_the_text_with_marks_and_nothing_else(
    text: str, cuts: list[int], around: int
) -> None:
    borders = sorted({min(cut, len(text)) for cut in cuts})
    places = list(zip(borders[::2], borders[1::2], strict=False))
    whole = highlighted(text, marked(text, places))
    assert html.unescape(re.sub("</?mark>", "", whole)) == text
    assert re.findall("<mark>(.*?)</mark>", whole, re.DOTALL) == [
        html.escape(text[begins:ends]) for begins, ends in places
    ]
    piece = highlighted(text, marked(text, places), around=around)
    assert not re.search("<(?!/?mark>)", piece)
    assert piece.count("<mark>") == piece.count("</mark>")
    assert bool(places) == ("<mark>" in piece)
    assert html.unescape(re.sub("</?mark>", "", piece)).strip("…") in f"…{text}…"


def test_a_text_whose_folded_form_is_longer_is_shown_without_marks() -> None:
    given = MarkedText("Straße & ﬁlm", f"strasse & {MARKS[0]}film{MARKS[1]}", "", "")
    assert highlights(given).title == "Straße &amp; ﬁlm"
    assert highlights(given).text is None


@pytest.mark.parametrize(
    ("text", "folded_text", "word", "shown"),
    [
        ("Wait… for me", "wait... for me", "me", "Wait… for <mark>me</mark>"),
        ("8½ films™ ﬁlm", "81\u20442 filmsTM film", "film", "8½ films™ <mark>ﬁlm</mark>"),
        ("İstanbul", "istanbul", "istanbul", "<mark>İstanbul</mark>"),
        ("E\u0301te\u0301… bleu", "ete... bleu", "bleu", "E\u0301te\u0301… <mark>bleu</mark>"),
        ("E\u0301te\u0301… bleu", "ete... bleu", "ete", "<mark>E\u0301te\u0301</mark>… bleu"),
        ("e\u0301 e\u0301 … bleu", "e e ... bleu", "bleu", "e\u0301 e\u0301 … <mark>bleu</mark>"),
    ],
)
def test_marks_stand_where_words_are_though_a_letter_folds_to_several_or_none(
    text: str, folded_text: str, word: str, shown: str
) -> None:
    begins = folded_text.rindex(word)
    given = marked(folded_text, [(begins, begins + len(word))])
    assert highlighted(text, given) == shown


# Letters that fold to one, to several and with others, and marks of scripts without spaces.
LETTERS_OF_ALL_KINDS = [
    "a", "É", "e\u0301", "ﬁ", "½", "ß", "İ", "Σ", "ø", "한", "\u1112\u1161\u11ab", "か", "カ\u3099",
    "ｶﾞ", "漢", "हि", "ก็", "ى", "\u1100",
]  # fmt: skip
WORDS_OF_ALL_KINDS = st.lists(st.sampled_from(LETTERS_OF_ALL_KINDS), min_size=1, max_size=12)


@given(st.lists(WORDS_OF_ALL_KINDS.map("".join), min_size=1, max_size=60), st.data())
def test_the_word_that_is_marked_is_the_one_that_was_found(
    words: list[str], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(words) - 1))
    forms = [folded_as_stored(word) for word in words]
    given_form = " ".join(
        [*forms[:number], f"{MARKS[0]}{forms[number]}{MARKS[1]}", *forms[number + 1 :]]
    )
    for around in (None, 80):
        shown = highlighted(" ".join(words), given_form, around=around)
        assert re.findall("<mark>(.*?)</mark>", shown) == [words[number]]


def test_a_piece_of_a_text_without_spaces_is_short_all_the_same() -> None:
    text = " " + "漢é" * 2000
    shown = highlighted(text, marked(folded_as_stored(text), [(1500, 1502)]), around=80)
    assert 160 <= len(re.sub("</?mark>|…", "", shown)) <= 250
    assert "<mark>漢é</mark>" in shown or "<mark>é漢</mark>" in shown


def test_two_marks_in_one_letter_are_one() -> None:
    assert highlighted("½", marked("1\u20442", [(0, 1), (2, 3)])) == "<mark>½</mark>"


def test_words_are_looked_for_once_however_often_they_are_typed() -> None:
    assert taken_apart("the The the thes the")[0] == [["the", "thes"]]
    assert taken_apart("toy or toy or story -war -War") == ([["toy"], ["story"]], ["war"])
    corrected = typed_query("stroy story").replaced(["story", "story"])
    assert [one.text for one in corrected.wanted] == ["story"]


@pytest.mark.parametrize("text", ["\ufc5e", "\uff9e", "\u200b", "toy"])
def test_what_folds_to_nothing_is_no_word(text: str) -> None:
    assert bool(typed_query(text).wanted) == (text == "toy")


def test_invisible_format_characters_are_left_out_but_joiners_that_belong_to_a_word() -> None:
    assert taken_apart("\ufeffto\u200by\u00ad st\u200dory\u200e")[0] == [["toy", "story"]]
    persian = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert taken_apart(persian)[0] == [[persian]]


def test_of_many_words_any_one_is_enough() -> None:
    words = "abcdefghi"
    for count, relaxed in ((8, True), (9, False)):
        asks = asking(typed_query(" ".join(words[:count]) + " "), [*map(understood, words[:count])])
        assert asks is not None
        assert (asks.match.most_of is not None) == relaxed


def understood(
    text: str, *, begins: str | None = None, function: bool = False, items: int = 3
) -> UnderstoodWord:
    asks = f"'{text}'" if text else None
    short = begins is not None and len(text) < 3
    return UnderstoodWord(asks, begins, short, function, items)


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


def found(item_no: int, *places: float, **more: float) -> Found:
    given = {"title_words": 2, "density": 0.0, "meaning": 0.0, "taste": 0.0, "users": 0, **more}
    return Found(ItemNo(item_no), f"i{item_no}", "", places, **given)  # type: ignore[arg-type]


def order(
    *items: Found, terms: tuple[float, ...] = (1.0, 1.0), personal: bool = False
) -> list[int]:
    return [item.item_no for item, _ in in_order(items, terms, personal=personal)]


def test_items_with_all_words_come_first_then_those_with_some_then_those_with_none() -> None:
    items = (found(1, 0.0, 0.0, meaning=0.1), found(2, 1.0, 0.0), found(3, 0.4, 0.4))
    assert order(*items) == [3, 2, 1]


def test_a_title_that_is_the_query_comes_before_a_longer_one() -> None:
    assert order(found(1, 1.0, 1.0, title_words=5), found(2, 1.0, 1.0)) == [2, 1]


def test_a_title_that_says_a_word_again_and_again_is_not_all_of_what_was_typed() -> None:
    again, title = found(1, 1.0, title_words=3, density=1.0), found(2, 1.0, title_words=1)
    assert order(again, title, terms=(1.0,)) == [2, 1]
    typed_so = [
        item.item_no for item, _ in in_order([title, again], (1.0,), times=[3], personal=False)
    ]
    assert typed_so == [1, 2]


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
def test_every_item_gets_its_place_and_the_order_does_not_depend_on_the_input_order(
    given_items: list[tuple[float, float, float, float, int]],
    personal: bool,  # noqa: FBT001 -- given by Hypothesis
) -> None:
    items = [
        found(n, place, density=density, meaning=meaning, taste=taste, users=users)
        for n, (place, density, meaning, taste, users) in enumerate(given_items)
    ]
    ordered = in_order(items, (1.0,), personal=personal)
    scores = [score for _, score in ordered]
    assert scores == sorted(scores, reverse=True)
    assert sorted(item.item_no for item, _ in ordered) == list(range(len(items)))
    backwards = in_order(items[::-1], (1.0,), personal=personal)
    assert [item.item_no for item, _ in backwards] == [item.item_no for item, _ in ordered]


@given(st.text(alphabet=string.printable + "éÉöø漢"))
def test_folded_text_has_lower_case_letters_digits_and_spaces(text: str) -> None:
    assert all(character.isalnum() or character == " " for character in folded(text))
    assert folded(folded(text)) == folded(text)


def test_titles_are_matched_by_the_beginnings_of_their_words() -> None:
    assert title_matches("Amélie (2001)", ["ame", "2001", "lie"]) == 2


def test_a_held_query_has_ten_distinct_words_at_most() -> None:
    assert HeldQuery.of(typed_query("Toy toy, tóy story")).words == ("toy", "story")
    assert len(HeldQuery.of(typed_query(" ".join(map(str, range(90))))).words) == 10
    assert len(HeldQuery.of(typed_query("\ufdfa" * 199)).words) <= 10


def test_a_held_query_without_a_word_scores_nothing() -> None:
    assert HeldQuery.of(TypedQuery(((Typed("\uff9e"),),), ())).score("Toy Story") == 0.0


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("x -war", False), ("x -wa", True), ("x -star", False), ('x -"star wars"', False),
        ('x -"wars star"', True), ("x -ewok", True), ("x -scifi", False), ("x", True),
    ],
)  # fmt: skip
def test_a_held_item_with_an_unwanted_word_is_left_out(text: str, allowed: bool) -> None:  # noqa: FBT001
    assert HeldQuery.of(typed_query(text)).allows(("Star Wars", "SciFi")) is allowed
