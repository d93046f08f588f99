"""Marks around the words found, in texts that are safe to show as HTML."""

from html import escape

from serving.repositories.search import MARKS, MarkedText
from serving.services.searching.found_list import Highlights

_AROUND = 80
"""Letters shown before the first mark of a text and after it."""


def highlights(marked: MarkedText) -> Highlights:
    """The title as a whole, and a piece of the text around the first word found."""
    text = highlighted(marked.text, marked.marked_text, around=_AROUND)
    return Highlights(
        title=highlighted(marked.title, marked.marked_title),
        text=text if "<mark>" in text else None,
    )


def highlighted(original: str, marked: str, *, around: int | None = None) -> str:
    """A text as HTML with `<mark>` where `marked`, its folded form, has marks.

    Folding changes letters one by one, so the places are the same; where they are not, nothing is
    marked. `around`: only a piece, so many letters to both sides of the first mark.
    """
    places = _places(marked)
    if len(marked) - 2 * len(places) != len(original):
        places = []
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
