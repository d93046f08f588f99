"""Marks stand in a text as it is written, where the words that were found are."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.search.highlighting import folded_as_stored, highlighted, highlights
from serving.search.words import MARKS, MarkedText


def marked(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, done = [], 0
    for begins, ends in spans:
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
    spans = list(zip(borders[::2], borders[1::2], strict=False))
    whole = highlighted(text, marked(text, spans))
    assert html.unescape(re.sub("</?mark>", "", whole)) == text
    assert re.findall("<mark>(.*?)</mark>", whole, re.DOTALL) == [
        html.escape(text[begins:ends]) for begins, ends in spans
    ]
    piece = highlighted(text, marked(text, spans), around=around)
    assert not re.search("<(?!/?mark>)", piece)
    assert piece.count("<mark>") == piece.count("</mark>")
    assert bool(spans) == ("<mark>" in piece)
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


def test_a_ligature_does_not_make_up_for_two_letters_that_fold_to_one() -> None:
    shown = highlighted("ﬁ ｶﾞ", f"{MARKS[0]}fi{MARKS[1]} ガ", around=80)
    assert shown == "<mark>ﬁ</mark> ｶﾞ"


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
