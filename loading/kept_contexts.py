"""What is kept of contexts that files give as JSON: a function of DuckDB's."""

import json

import pyarrow as pa

from domain.limits import ContextFault, context_fault

FAULT = "\x01"
"""Begins what stands for a context that is none, before the name of its `ContextFault`."""
NOT_READ = "\x02"
"""Stands for a context that is none where nobody said that it is one: its event has none."""


def kept_contexts(
    texts: pa.ChunkedArray, names: pa.ChunkedArray, guessed: pa.ChunkedArray
) -> pa.ChunkedArray:
    """What is kept of contexts that are texts of JSON: as JSON, each name once, in one order.

    `names` has those that are kept, with commas between them, in every row; `guessed` those of them
    that nobody said are parts of a context. If there are any, no others than `names` are judged.
    Null: nothing is kept.
    """
    kept, of_guesses = _names(names), _names(guessed)
    encoded = texts.combine_chunks().dictionary_encode()
    each_once = [_kept(text, kept, of_guesses) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(each_once, pa.string()).take(encoded.indices)])


def _names(column: pa.ChunkedArray) -> frozenset[str]:
    return frozenset(column[0].as_py().split(",")) - {""} if len(column) else frozenset()


def _kept(text: str, names: frozenset[str], guessed: frozenset[str]) -> str | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return NOT_READ if guessed else FAULT + ContextFault.NOT_TEXTS.name
    # Null says nothing; who makes an object of columns has it where one is empty.
    given = {name: value for name, value in given.items() if value is not None}
    if guessed:
        given = {name: value for name, value in given.items() if name in names}
    fault = context_fault({name: given[name] for name in given.keys() - guessed})
    if fault is not None:
        return FAULT + fault.name
    if context_fault(given) is not None:
        return NOT_READ
    kept = {name: given[name] for name in sorted(names & given.keys())}
    return json.dumps(kept, ensure_ascii=False) if kept else None
