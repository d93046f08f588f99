"""Text files in any encoding, made plain: UTF-8 without a byte order mark."""

import codecs
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from charset_normalizer import from_bytes
from charset_normalizer.utils import is_multi_byte_encoding

from domain.errors import InvalidInputError

_BLOCK = 1024 * 1024
_SAMPLE = 256 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF_8 = "utf-8"
_FILM = re.compile(r"\d+:\s*")
_RATING_OF_FILM = re.compile(r"\d+,\d,\d{4}-\d\d-\d\d\s*")
_WESTERN = {
    "cp1250",
    "cp1252",
    "latin_1",
    "iso8859_15",
    "mac_roman",
    "cp1254",
    "cp1257",
    "hp_roman8",
}
_BEYOND = re.compile(rb"[\x80-\xff]")
_ALONE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")
_NEARLY_ALL = 0.9
_OTHER_LETTERS = re.compile("[\u0370-\u1dff\ufb1d-\ufefc]")
"""Of no Latin alphabet."""
_KOREAN = {"cp949", "euc_kr", "johab"}
_IDEOGRAPHS = re.compile("[\u3400-\u9fff]")
_SIGNS = "[\u00b3\u00b9\u00bf\u00be\u00bc]"
_SIGNS_IN_WORDS = re.compile(
    rf"(?<=[^\W\d_]{{2}})(?<![cdkm]m){_SIGNS}|(?<=[^\W\d_]){_SIGNS}(?=[^\W\d_])"
    r"|[\u00a3\u00af\u00a5](?=[a-z])"
)
"""`\u00b3` and the like are letters of Polish and its neighbours in their own code page."""
_ICELANDIC = re.compile("[\u00fd\u00fe\u00f0\u00dd\u00de\u00d0]")
_TURKISH = re.compile("[\u00fd\u00e7\u00fc\u00dd\u00c7\u00dc]")
"""Letters that nearly all Turkish texts have, read as Western."""
_ACCENTS = re.compile("[\u00e1\u00e9\u00ed\u00f3\u00fa\u00e6\u00c1\u00c9\u00cd\u00d3\u00da\u00c6]")
_SOME = 0.1
_ALPHABETS = {
    "cp1251": ("\u0400", "\u04ff", "оеаинтсрвл"),
    "koi8_r": ("\u0400", "\u04ff", "оеаинтсрвл"),
    "cp1253": ("\u0370", "\u03ff", "αοιετσνηυρς"),
    "cp1255": ("\u05d0", "\u05ea", "ויהלאמרתבשםן"),
}
"""Encodings of alphabets: the first and the last of their letters, and those of most texts."""
_USUAL = 0.45
"""At least this share of letters is of the ten most frequent ones: they are two of three."""
_LAST = set("ςםןךףץ")
"""Letters of Greek and Hebrew that stand at the ends of words alone."""
_OF_CAPITALS = 0.75
"""Of two readings, that in capitals is the less likely."""
_FEWEST_WORDS = 2
_SHORTEST_WORD = 3
"""`à` and `è` are words of their own, and letters of other alphabets in other encodings."""
_WIDE = ("utf_16", "utf_32")
_NOT_GUESSED = ["utf_7", *(f"{name}{order}" for name in _WIDE for order in ("", "_be", "_le"))]
"""What has no zeros is in none of these."""


@dataclass(frozen=True, slots=True)
class PlainText:
    """A file of UTF-8 text without byte order mark, and what was understood on the way."""

    path: Path
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """What a file has."""

    good: int = 0
    """Characters beyond ASCII that are UTF-8."""
    bad: int = 0
    """Bytes that are not."""


def as_plain_text(path: Path, name: str, encoding: str | None, spool: Path) -> PlainText:
    """The file itself if it is plain, otherwise a plain copy in the folder `spool`.

    Raises InvalidInputError if the file is not text, or not of the given encoding.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    chosen = encoding or _marked(head) or encoding_without_mark(head)
    seen = _look_through(path) if chosen is None else None
    if seen is not None and seen.bad > seen.good:
        chosen = _guess(path, name)
    notes = () if chosen in (None, "utf-8-sig") else (f"encoding {chosen}",)
    if chosen is None:
        return PlainText(path)
    target = free_path(spool)
    _rewrite(path, name, chosen, target)
    return PlainText(target, notes)


def with_line_feeds(path: Path, spool: Path) -> Path:
    """A copy of UTF-8 text with one kind of line end."""
    target = free_path(spool)
    with (
        path.open(encoding=_UTF_8, errors="surrogateescape", newline=None) as file,
        target.open("w", encoding=_UTF_8, errors="surrogateescape", newline="") as out,
    ):
        shutil.copyfileobj(file, out, _BLOCK)
    return target


def with_films_in_lines(path: Path, spool: Path) -> Path | None:
    """A copy of the ratings of Netflix with the film in each line; None if it is no such file.

    There a line `1:` names the film of all the lines below it.
    """
    with path.open(encoding=_UTF_8, errors="surrogateescape") as file:
        first, second = file.readline(), file.readline()
        if not _FILM.fullmatch(first) or not _RATING_OF_FILM.fullmatch(second):
            return None
        target = free_path(spool)
        file.seek(0)
        with target.open("w", encoding=_UTF_8, errors="surrogateescape") as out:
            out.write("netflix_movie,netflix_user,netflix_rating,netflix_date\n")
            film = ""
            for line in file:
                if line.rstrip().endswith(":"):
                    film = line.strip().rstrip(":")
                elif line.strip():
                    out.write(f"{film},{line}")
    return target


def free_path(spool: Path, name: str = "text") -> Path:
    """A path in `spool` that nothing has yet."""
    return spool / f"{sum(1 for _ in spool.iterdir())}-{name[-100:]}"


def _marked(head: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def encoding_without_mark(head: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain letters is zero."""
    if len(head) < 4 or b"\0" not in head[:200]:  # noqa: PLR2004
        return None
    even, odd = head[0:200:2].count(0), head[1:200:2].count(0)
    half = len(head[:200]) // 4
    if odd > half > even:
        return "utf-16-le"
    return "utf-16-be" if even > half > odd else None


def _look_through(path: Path) -> _Seen:
    """One pass over the whole file: what is wrong may stand at its end."""
    seen, rest = _Seen(), b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            rest = _count_characters(seen, rest + block)
    seen.bad += len(rest)
    return seen


def _count_characters(seen: _Seen, data: bytes) -> bytes:
    """Count what is UTF-8 and what is not; answers the beginning of a character at the end."""
    if data.isascii():
        return b""
    decoder = codecs.getincrementaldecoder(_UTF_8)(errors="replace")
    text = decoder.decode(data)
    wrong = text.count("\ufffd")
    seen.bad += wrong
    seen.good += sum(1 for character in text if character > "\x7f") - wrong
    return decoder.getstate()[0]


def _guess(path: Path, name: str) -> str | None:
    """The likeliest encoding of a file that is not UTF-8; None: its lines are broken, not others'.

    Raises InvalidInputError if it is in none that is known.
    """
    with path.open("rb") as file:
        lines = [line for line in file.read(8 * _BLOCK).split(b"\n") if not line.isascii()]
    if (alphabet := _alphabet_of(lines[:2000])) is not None:
        return alphabet
    # No other encoding of one byte a letter has these, but for letters hardly anybody writes.
    lines = [line for line in lines if b"\xff" not in line and b"\xfe" not in line]
    if not lines:
        return None
    best = from_bytes(b"\n".join(lines[:2000]), cp_exclusion=_NOT_GUESSED).best()
    if best is None:
        raise InvalidInputError(
            f"{name} is in no encoding that is known. Say --encoding latin-1 or another."
        )
    # What only letters beyond ASCII tell apart is Windows' Western code page far more often.
    is_likely = best.encoding in _WESTERN or _stand_alone(lines, best.encoding)
    if is_likely and _decodes(lines, "cp1252"):
        return _code_page_of(lines)
    if best.encoding in _KOREAN and _is_chinese(lines, best.encoding):
        return "gb18030"
    return best.encoding


def _alphabet_of(lines: list[bytes]) -> str | None:
    """The encoding in which nearly all words are of one alphabet, small behind the first letter.

    Of several the one with the most of its usual letters: capitals of one alphabet are small
    letters of another. None: there is no such encoding.
    """
    usual = {
        encoding: _usual_letters(b"\n".join(lines).decode(encoding), *alphabet)
        for encoding, alphabet in _ALPHABETS.items()
        if _decodes(lines, encoding)
    }
    best = max(usual, key=lambda encoding: usual[encoding], default=None)
    return best if best is not None and usual[best] >= _USUAL else None


def _usual_letters(text: str, first: str, last: str, usual: str) -> float:
    """The share of usual letters; 0: hardly all words are of the alphabet from first to last."""
    words = [word for word in re.findall(r"\w+", text) if not word.isascii()]
    good = [word for word in words if first <= min(word) and max(word) <= last and _is_word(word)]
    long = [word for word in good if len(word) >= _SHORTEST_WORD]
    beyond = sum(character > "\x7f" for character in text)
    if len(long) < _FEWEST_WORDS or sum(map(len, good)) < _NEARLY_ALL * beyond:
        return 0
    letters = [normalize("NFD", letter)[0] for letter in "".join(good).lower()]
    share = sum(letter in usual for letter in letters) / len(letters)
    return share * (_OF_CAPITALS if sum(map(str.isupper, long)) * 2 > len(long) else 1)


def _is_word(word: str) -> bool:
    """Whether a word is in capitals, or small behind its first letter; letters of ends end it."""
    return (word.isupper() or word[1:] == word[1:].lower()) and not _LAST.intersection(word[:-1])


def _code_page_of(lines: list[bytes]) -> str:
    """The code page of Windows that text with Latin letters is in.

    Read as Western, words have signs such as \u00b3 within in one of Central Europe, and in a
    Turkish one Icelandic letters without the accents of Icelandic.
    """
    western = b"\n".join(lines).decode("cp1252")
    beyond = sum(character > "\x7f" for character in western)
    signs = len(_SIGNS_IN_WORDS.findall(western))
    if signs >= max(_FEWEST_WORDS, 2 * _SOME * beyond) and _decodes(lines, "cp1250"):
        return "cp1250"
    icelandic = len(_ICELANDIC.findall(western))
    is_turkish = _TURKISH.search(western) and not _ACCENTS.search(western)
    if icelandic >= 2 * _SOME * beyond and is_turkish:
        return "cp1254"
    return "cp1252"


def _is_chinese(lines: list[bytes], encoding: str) -> bool:
    """Whether text that could be Korean is not: hardly anybody writes it with Chinese letters."""
    text = b"\n".join(lines).decode(encoding, errors="replace")
    beyond = sum(character > "\x7f" for character in text)
    return len(_IDEOGRAPHS.findall(text)) >= _SOME * beyond and _decodes(lines, "gb18030")


def _stand_alone(lines: list[bytes], encoding: str) -> bool:
    """Whether nearly all bytes beyond ASCII have ASCII on both sides, as the ñ of `niño`.

    Asian encodings of two bytes a character have them side by side, and can read accents as well;
    so have other alphabets.
    """
    data = b"\n".join(lines)
    beyond = len(_BEYOND.findall(data))
    is_other = is_multi_byte_encoding(encoding) or _OTHER_LETTERS.search(
        data.decode(encoding, errors="ignore")
    )
    return bool(is_other) and len(_ALONE.findall(data)) >= _NEARLY_ALL * beyond


def _decodes(lines: list[bytes], encoding: str) -> bool:
    try:
        b"\n".join(lines).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _rewrite(path: Path, name: str, encoding: str, target: Path) -> None:
    try:
        with (
            path.open(encoding=encoding, newline="") as file,
            target.open("w", encoding=_UTF_8, newline="") as out,
        ):
            shutil.copyfileobj(file, out, _BLOCK)
    except LookupError as error:
        raise InvalidInputError(f"There is no encoding {encoding}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{name} is not {encoding}: {error.reason} at byte {error.start:,}."
            " Say --encoding NAME."
        ) from error
