"""The formats that files are written in."""

from enum import StrEnum


class FileFormat(StrEnum):
    """A format that files are written in."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
