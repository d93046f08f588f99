"""Marks around the words found, in texts that are safe to show as HTML."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from itertools import pairwise

from serving.search.search_list import Highlights
from serving.search.words import MARKS, MarkedText

_AROUND = 80
"""Letters shown before the first mark of a text and after it."""
_AT_ONCE = 128
"""Letters of a text that are folded at once, at least."""
_LONGEST_WORD = 40
"""So far back the beginning of a word is looked for; there are scripts without spaces."""
_ACCENTS = re.compile("([a-z\u03b1-\u03c9])[\u0300-\u036f]+")
_KOREAN_PARTS = ("\u1160", "\u11ff")
_STROKES = (("ø", "o"), ("ł", "l"), ("đ", "d"), ("\u0131", "i"))
_NO_MARKS = tuple((mark, " ") for mark in MARKS)
_MARKED = re.compile(f"{MARKS[0]}[^{MARKS[1]}]*{MARKS[1]}")


def highlights(marked: MarkedText) -> Highlights:
    """The title as a whole, and a piece of the text around the first word found."""
    text = highlighted(marked.text, marked.marked_text, around=_AROUND)
    return Highlights(
        title=highlighted(marked.title, marked.marked_title),
        text=text if "<mark>" in text else None,
    )


def highlighted(original: str, marked: str, *, around: int | None = None) -> str:
    """A text as HTML with `<mark>` where `marked`, its folded form, has marks.

    One letter may fold to several; a mark around some of them is around the letter. Where it cannot
    be told what folds to what, nothing is marked. `around`: only a piece, so many letters to both
    sides of the first mark.
    """
    spans = _spans_in(original, marked, around)
    start, end = 0, len(original)
    if around is not None:
        middle = spans[0] if spans else (0, 0)
        start = _word_start(original, middle[0] - around)
        end = max(_word_start(original, middle[1] + around), middle[1])
    pieces = ["…" if start > 0 else ""]
    done = start
    for begins, ends in spans:
        if begins < start or ends > end:
            continue
        pieces += [escape(original[done:begins]), f"<mark>{escape(original[begins:ends])}</mark>"]
        done = ends
    pieces += [escape(original[done:end]), "…" if end < len(original) else ""]
    return "".join(pieces)


def _spans_in(original: str, marked: str, around: int | None) -> list[tuple[int, int]]:
    """Where marked words begin and end in the text as it is, in rising order and apart.

    `around`: only of the first one and those so many letters behind it.
    """
    spans = _spans(marked)
    plain = marked.replace(MARKS[0], "").replace(MARKS[1], "")
    if not spans or _is_letter_by_letter(original, plain):
        return spans
    origins = _origins(original, plain, spans[0], around)
    if origins is None:
        # Not folded the same way here; but if it is as long, each letter was folded to one.
        return spans if len(plain) == len(original) else []
    found: list[tuple[int, int]] = []
    for begins, ends in spans:
        if begins in origins and ends - 1 in origins:
            begins_at, ends_at = origins[begins][0], origins[ends - 1][1]
            begins_at = max(begins_at, found[-1][1]) if found else begins_at
            if begins_at < ends_at:
                found.append((begins_at, ends_at))
    return found


def _origins(
    original: str, plain: str, first: tuple[int, int], around: int | None
) -> dict[int, tuple[int, int]] | None:
    """For letters of the folded text, from the first mark on, where in the text they come from.

    None: nobody knows. The text before is folded as well, to know where that is, but not letter by
    letter.
    """
    origins: dict[int, tuple[int, int]] = {}
    at, last = 0, len(original)
    for begins, ends in _pieces(original):
        if begins >= last:
            break
        folded = _replaced(folded_as_stored(original[begins:ends]), _NO_MARKS)
        if not plain.startswith(folded, at):
            return None
        if at + len(folded) > first[0]:
            letters = _letters_in(original[begins:ends], folded)
            spans = ((begins + begin, begins + end) for begin, end in letters)
            origins.update(zip(range(at, at + len(folded)), spans, strict=True))
        at += len(folded)
        if around is not None and at >= first[1]:
            last = min(last, ends + around)
    return origins


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where pieces that fold independently of each other begin and end."""
    begins = 0
    while begins < len(text):
        ends = begins + _AT_ONCE
        while ends < len(text) and _joins(text[ends]):
            ends += 1
        yield begins, min(ends, len(text))
        begins = ends


def _letters_in(piece: str, folded: str) -> list[tuple[int, int]]:
    """For each letter of a folded piece where in the piece the letter begins and ends."""
    if _is_letter_by_letter(piece, folded):
        return [(index, index + 1) for index in range(len(piece))]
    starts = [index for index in range(len(piece)) if index == 0 or not _joins(piece[index])]
    letters: list[tuple[int, int]] = []
    for begins, ends in pairwise([*starts, len(piece)]):
        count = len(_letter_folded(piece[begins:ends]))
        if count == ends - begins:
            letters += [(index, index + 1) for index in range(begins, ends)]
        else:
            letters += [(begins, ends)] * count
    # Letters that fold otherwise together than each alone: nothing is marked there.
    return letters if len(letters) == len(folded) else [(0, 0)] * len(folded)


def _is_letter_by_letter(text: str, folded: str) -> bool:
    """Whether each letter of the text was folded to one.

    Where accents are one with their letters nothing gets shorter, so equal lengths say so; and no
    ligature makes up in length for two letters that become one.
    """
    return len(text) == len(folded) and unicodedata.is_normalized("NFKC", text)


@lru_cache(maxsize=8192)
def _joins(letter: str) -> bool:
    """Whether it is an accent, or a part of a Korean syllable, of the letter before it."""
    first = unicodedata.normalize("NFKD", letter)[0]
    is_korean_part = _KOREAN_PARTS[0] <= first <= _KOREAN_PARTS[1]
    return is_korean_part or unicodedata.category(first).startswith("M")


@lru_cache(maxsize=8192)
def _letter_folded(letter: str) -> str:
    return folded_as_stored(letter)


def folded_as_stored(text: str) -> str:
    """The text as `folded` in SQL has it."""
    # One letter for one, as in the store: Python makes two of the one, and of the other what fits.
    lower = text.replace("İ", "i").replace("\u03a3", "\u03c3").lower()
    decomposed = unicodedata.normalize("NFKD", _replaced(lower, _STROKES))
    return unicodedata.normalize("NFC", _ACCENTS.sub(r"\1", decomposed))


def _replaced(text: str, letters: tuple[tuple[str, str], ...]) -> str:
    """With some letters for others: a translation looks each letter of the text up."""
    for letter, other in letters:
        text = text.replace(letter, other)
    return text


def _spans(marked: str) -> list[tuple[int, int]]:
    """Where marked words begin and end in the text without marks."""
    # Each of those before has two marks.
    return [
        (found.start() - 2 * before, found.end() - 2 * before - 2)
        for before, found in enumerate(_MARKED.finditer(marked))
    ]


def _word_start(text: str, index: int) -> int:
    """An index at or before which a word begins, not to cut one in two."""
    if index <= 0:
        return 0
    if index >= len(text):
        return len(text)
    space = text.rfind(" ", max(index - _LONGEST_WORD, 0), index)
    return index if space < 0 else space + 1
