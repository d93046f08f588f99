"""Opening: the table of a file, whatever is in it."""

from dataclasses import replace
from pathlib import Path

import duckdb

from loading.folder_columns import with_folders
from loading.json_columns import with_json_columns
from loading.json_tables import json_form, json_table, parquet_objects_table
from loading.options import LoadOptions
from loading.sources import Source
from loading.tables import Table, delimited_table, parquet_table, unreadable
from loading.text import with_films_in_lines, with_line_feeds


def open_table(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions, spool: Path
) -> Table:
    """The table of a file, Parquet, JSON or delimited text, as the view number `number`.

    Raises InvalidInputError if the file is none of them.
    """
    return with_folders(duck, _read(duck, source, number, options, spool), options)


def _read(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions, spool: Path
) -> Table:
    try:
        return _opened(duck, source, number, options, spool)
    except duckdb.Error as error:
        if source.is_parquet or _MIXED_LINE_ENDS not in str(error):
            raise unreadable(source, error) from error
    plain = with_line_feeds(source.path, spool)
    try:
        mended = replace(source, path=plain, notes=(*source.notes, "mixed line ends"))
        return _opened(duck, mended, number, options, spool)
    except duckdb.Error as error:
        raise unreadable(source, error) from error


_MIXED_LINE_ENDS = "reached an invalid state"


def _opened(
    duck: duckdb.DuckDBPyConnection, source: Source, number: int, options: LoadOptions, spool: Path
) -> Table:
    if source.is_parquet:
        table = parquet_objects_table(duck, source, number, options)
        return table if table is not None else parquet_table(duck, source, number)
    form = json_form(source.path)
    if form is not None:
        return json_table(duck, source, number, form, options)
    films = with_films_in_lines(source.path, spool)
    if films is not None:
        source = replace(source, path=films, notes=(*source.notes, "lines such as 1: name films"))
    return with_json_columns(duck, delimited_table(duck, source, number, options), options)
