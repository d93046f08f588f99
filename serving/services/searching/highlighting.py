"""Marks around the words found, in texts that are safe to show as HTML."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from html import escape

from serving.repositories.search import MARKS, MarkedText
from serving.services.searching.found_list import Highlights

_AROUND = 80
"""Letters shown before the first mark of a text and after it."""
_ACCENTS = re.compile("([a-z\u03b1-\u03c9])[\u0300-\u036f]+")
_KOREAN_PARTS = ("\u1160", "\u11ff")
_STROKES = str.maketrans("øłđı", "oldi")
_UNMARKED = {ord(mark): None for mark in MARKS}
_NO_MARKS = str.maketrans(MARKS, "  ")


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
    places = _places_in(original, marked)
    start, end = 0, len(original)
    if around is not None:
        middle = places[0] if places else (0, 0)
        start = _word_start(original, middle[0] - around)
        end = max(_word_start(original, middle[1] + around), middle[1])
    pieces = ["…" if start > 0 else ""]
    done = start
    for begins, ends in places:
        if begins < start or ends > end:
            continue
        pieces += [escape(original[done:begins]), f"<mark>{escape(original[begins:ends])}</mark>"]
        done = ends
    pieces += [escape(original[done:end]), "…" if end < len(original) else ""]
    return "".join(pieces)


def _places_in(original: str, marked: str) -> list[tuple[int, int]]:
    """Where marked words begin and end in the text as it is, in rising order and apart."""
    places = _places(marked)
    plain = marked.translate(_UNMARKED)
    # Nothing gets shorter where accents are one with their letters, so each letter is one still.
    if not places or (len(plain) == len(original) and unicodedata.is_normalized("NFC", original)):
        return places
    origins = _origins(original, plain)
    found: list[tuple[int, int]] = []
    for begins, ends in places if origins else ():
        begins_at, ends_at = origins[begins][0], origins[ends - 1][1]
        if found:
            begins_at = max(begins_at, found[-1][1])
        if begins_at < ends_at:
            found.append((begins_at, ends_at))
    return found


def _origins(original: str, plain: str) -> list[tuple[int, int]]:
    """For each letter of the folded text where in the text it comes from; empty: nobody knows."""
    stretches = list(_stretches(original))
    # A text has the same few again and again.
    folds = {said: _folded(said) for said in {original[slice(*place)] for place in stretches}}
    letters = [(*place, folds[original[slice(*place)]]) for place in stretches]
    if "".join(folded for *_, folded in letters).translate(_NO_MARKS) != plain:
        # Not folded the same way here; but if it is as long, each letter was folded to one.
        letters = [(0, len(original), plain)] if len(original) == len(plain) else []
    origins: list[tuple[int, int]] = []
    for begins, ends, folded in letters:
        if ends - begins == len(folded):
            origins += zip(range(begins, ends), range(begins + 1, ends + 1), strict=True)
        else:
            origins += [(begins, ends)] * len(folded)
    return origins


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Where what folds letter by letter begins and ends, and each letter between that does not."""
    letters = set(text)
    joined = {letter for letter in letters if _joins(letter)}
    several = {letter for letter in letters - joined if len(_folded(letter)) != 1}
    forms = [f".{_one_of(joined)}+"] if joined else []
    forms += [_one_of(several)] if several else []
    done = 0
    for found in re.finditer("|".join(forms), text, re.DOTALL) if forms else ():
        yield done, found.start()
        yield found.span()
        done = found.end()
    yield done, len(text)


def _joins(letter: str) -> bool:
    """Whether it is an accent, or a part of a Korean syllable, of the letter before it."""
    return bool(unicodedata.combining(letter)) or _KOREAN_PARTS[0] <= letter <= _KOREAN_PARTS[1]


def _one_of(letters: Iterable[str]) -> str:
    return f"[{''.join(map(re.escape, sorted(letters)))}]"


def _folded(text: str) -> str:
    """As `folded` in SQL."""
    # One letter for one, as in the store: Python makes two of the one, and of the other what fits.
    lower = text.replace("İ", "i").replace("\u03a3", "\u03c3").lower().translate(_STROKES)
    plain = _ACCENTS.sub(r"\1", unicodedata.normalize("NFKD", lower))
    return unicodedata.normalize("NFC", plain)


def _places(marked: str) -> list[tuple[int, int]]:
    """Where marked words begin and end in the text without marks."""
    places = []
    position = begins = 0
    for character in marked:
        if character == MARKS[0]:
            begins = position
        elif character == MARKS[1]:
            places.append((begins, position))
        else:
            position += 1
    return places


def _word_start(text: str, place: int) -> int:
    """A place at or before which a word begins, not to cut one in two."""
    if place <= 0:
        return 0
    if place >= len(text):
        return len(text)
    space = text.rfind(" ", 0, place)
    return place if space < 0 else space + 1
