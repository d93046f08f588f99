"""Formats that are not read, known by how files begin, each with what to do instead."""

import codecs

from domain.errors import InvalidInputError
from loading.text import encoding_without_mark

_TEXT_WITH_ZEROS = codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE
_OF_TEXT_TOO = range(4)
"""Zeros are those of UTF-16; 1 to 3 separate fields in Hive's text."""
_MOST_CONTROLS = 0.02
_SHORT = 4
_REFUSED = {
    b"SQLite format 3\x00": (
        "is a SQLite database. Load it as sqlite:///PATH with --query 'select …'."
    ),
    b"\xd0\xcf\x11\xe0": "is an Excel workbook. Save the sheet as CSV first.",
    b"PGDMP": "is a dump of PostgreSQL. Restore it, and load it with --query 'select …'.",
    b"--\n-- PostgreSQL": (
        "is a dump of PostgreSQL. Restore it, and load it with --query 'select …'."
    ),
    b"-- MySQL dump": "is a dump of MySQL. Restore it, and write the table as CSV first.",
    b"%PDF": "is a PDF document.",
    b"ARROW1": "is an Arrow file. Write it as Parquet first.",
    b"Obj\x01": "is an Avro file. Write it as Parquet first.",
    b"ORC": "is an ORC file. Write it as Parquet first.",
    b"7z\xbc\xaf": "is a 7z archive. Unpack it first.",
    b"Rar!": "is a RAR archive. Unpack it first.",
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"),
        "is a Python pickle, which is not read. Write it as CSV first.",
    ),
    b"\x89HDF": "is an HDF5 file. Write it as Parquet first.",
    b"FEA1\0": "is a Feather file. Write it as Parquet first.",
    b"\xff\xff\xff\xff": "is a stream of Arrow. Write it as Parquet first.",
    b"\x93NUMPY": "is an array of NumPy, whose columns have no names. Write it as CSV first.",
    b"MATLAB 5": "is a file of MATLAB. Write it as CSV first.",
    **dict.fromkeys(
        (b"RDX2\n", b"RDX3\n", b"X\n\0\0\0"),
        "is a file of R. Write it with write.csv first.",
    ),
    b"\xff\x06\x00\x00sNaPpY": "is compressed with Snappy. Decompress it first.",
    b"%%MatrixMarket": (
        "is a matrix of Matrix Market, whose first row is its size and which does not say"
        " whether rows are users. Write it as CSV with a heading first."
    ),
    b"version https://git-lfs": (
        "is a pointer of Git LFS, not the file itself. Fetch that with `git lfs pull`."
    ),
    **dict.fromkeys(
        (b"<!DOCTYPE", b"<!doctype", b"<html", b"<HTML"),
        "is a web page. If it is what a download gave, the file itself is elsewhere.",
    ),
    **dict.fromkeys((b"<?xml", b"<rss"), "is XML. Write it as CSV or JSON first."),
    **dict.fromkeys(
        (b"INSERT INTO", b"CREATE TABLE", b"insert into", b"create table"),
        "has statements of SQL. Run them in a database, and load it with --query 'select …'.",
    ),
}


def refuse_unread(head: bytes, name: str) -> None:
    """InvalidInputError if a file begins as one of a format that is not read."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for magic, what in _REFUSED.items():
        # A heading may begin with three letters, too.
        is_sure = len(magic) >= _SHORT or b"\0" in head or _controls(head) > 0
        if is_sure and (head.startswith(magic) or text.startswith(magic)):
            raise InvalidInputError(f"{name} {what}")


def refuse_binary(head: bytes, name: str) -> None:
    """InvalidInputError if a file begins with bytes that no text has."""
    # Half of the bytes of Cyrillic in UTF-16 are 4, which is a control character elsewhere.
    is_wide = head.startswith(_TEXT_WITH_ZEROS) or encoding_without_mark(head) is not None
    if is_wide or _controls(head) <= _MOST_CONTROLS * len(head):
        return
    raise InvalidInputError(
        f"{name} is not text, but of a format that is not read. Write it as CSV or Parquet first."
        " If it is text, say --encoding NAME."
    )


def _controls(head: bytes) -> int:
    """How many bytes are control characters that no text has; escape is one of Japanese text."""
    return sum(
        1
        for byte in head
        if byte not in _OF_TEXT_TOO and (byte < 9 or 13 < byte < 27)  # noqa: PLR2004
    )
