"""Wraps the prose of documents at 100 characters: `python -m tests.prose` mends what is longer.

Tables, code, headings and words that cannot be broken (addresses, links) stay as they are.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH = 100
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]

_FENCE = re.compile(r"\s*(```|~~~)")
_ITEM = re.compile(r"(\s*(?:[-*+]|\d+\.)\s+)")
_LEFT_ALONE = re.compile(r"\s*(\||#|<|>)|\s*$")
_CODE_INDENT = "    "
_BEGINS_A_BLOCK = re.compile(r"[-+*#>|=]+$|\d+[.)]$")
"""Words that would begin a list, a heading or a table at the start of a line."""


def wrapped(text: str) -> str:
    """The document with those paragraphs wrapped anew that have a line that is too long."""
    lines: list[str] = []
    for block, is_prose in _blocks(text.splitlines()):
        too_long = is_prose and any(len(line) > WIDTH for line in block)
        lines += _filled(block) if too_long else block
    return "\n".join(lines) + "\n"


def long_lines(text: str) -> Iterator[str]:
    """Lines of prose that are longer than 100 characters and could be broken."""
    for line, mended in zip(text.splitlines(), wrapped(text).splitlines(), strict=False):
        if line != mended:
            yield line
            return


def _blocks(lines: Iterable[str]) -> Iterator[tuple[list[str], bool]]:
    """Paragraphs and items of lists, which are prose, and single lines of anything else."""
    block: list[str] = []
    in_code = False
    for line in lines:
        fence = bool(_FENCE.match(line))
        code = line.startswith(_CODE_INDENT) and not block
        if fence or in_code or code or _LEFT_ALONE.match(line):
            if block:
                yield block, True
            block = []
            yield [line], False
            in_code ^= fence
        elif _ITEM.match(line) and block:
            yield block, True
            block = [line]
        else:
            block.append(line)
    if block:
        yield block, True


def _filled(block: list[str]) -> list[str]:
    item = _ITEM.match(block[0])
    first = item[1] if item else re.match(r"\s*", block[0])[0]  # type: ignore[index]
    rest = " " * len(first)
    words = " ".join([block[0][len(first) :], *(line.strip() for line in block[1:])]).split()
    lines, line = [], first
    for word in _unbroken(words):
        if len(line) + len(word) > WIDTH and line.strip() and line not in (first, rest):
            lines.append(line.rstrip())
            line = rest
        line += f"{word} "
    return [*lines, line.rstrip()]


def _unbroken(words: Iterable[str]) -> Iterator[str]:
    """The words, each together with a following one that must not begin a line."""
    held = ""
    for word in words:
        if held and not _BEGINS_A_BLOCK.match(word):
            yield held
            held = word
        else:
            held = f"{held} {word}".lstrip()
    yield held


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(wrapped(page.read_text(encoding="utf-8")), encoding="utf-8")
