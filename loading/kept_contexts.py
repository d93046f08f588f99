"""What is kept of contexts that files give as JSON: a function of DuckDB's."""

import json

import pyarrow as pa

from domain.limits import ContextFault, context_fault

FAULT = "\x01"
"""Begins what stands for a context that is none, before the name of its `ContextFault`."""


def kept_contexts(texts: pa.ChunkedArray, names: pa.ChunkedArray) -> pa.ChunkedArray:
    """What is kept of contexts that are texts of JSON: as JSON, each name once, in one order.

    `names` has those that are kept, with commas between them, in every row. Null: nothing is kept.
    """
    kept = frozenset(names[0].as_py().split(",")) if len(names) else frozenset()
    encoded = texts.combine_chunks().dictionary_encode()
    each_once = [_kept(text, kept) for text in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(each_once, pa.string()).take(encoded.indices)])


def _kept(text: str, names: frozenset[str]) -> str | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return FAULT + ContextFault.NOT_TEXTS.name
    if isinstance(given, dict):
        # Null says nothing; who makes an object of columns has it where one is empty.
        given = {name: value for name, value in given.items() if value is not None}
    fault = context_fault(given)
    if fault is not None:
        return FAULT + fault.name
    said = {name: given[name] for name in sorted(names & given.keys())}
    return json.dumps(said, ensure_ascii=False) if said else None
