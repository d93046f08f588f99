"""Tables and text in the Markdown of artifacts."""

from collections.abc import Sequence


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, a line a row; the cells are Markdown."""
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def escaped(text: str) -> str:
    """Text in one line, in which nothing is taken for Markdown or HTML."""
    line = one_line(text)
    for character in "\\`*_[]<>|#":
        line = line.replace(character, f"\\{character}")
    return line


def one_line(text: str) -> str:
    """Text with single spaces."""
    return " ".join(text.split())
