"""The contexts of events: which columns say them, and what of them is kept."""

from collections.abc import Sequence
from shlex import quote

from domain.errors import InvalidInputError
from domain.event_words import normalized
from domain.limits import LONGEST_CONTEXT_VALUE, MOST_CONTEXT_VALUES
from loading.duck import literal
from loading.findings import Findings
from loading.kept_contexts import NOT_READ
from loading.options import LoadOptions
from loading.plans import NO_ID, EventsPlan, trimmed
from loading.tables import NOT_TEXT, Table
from loading.words import CONTEXT, PART, part_of

_LOOKED_AT = 1_000
_SHOWN = 5
_NOTHING = tuple(word for word in NO_ID if word != "na")
"""What programs write where there is nothing; `na` may be a region or a language."""


def named_parts(table: Table, options: LoadOptions) -> dict[str, str]:
    """The columns called `context.device` and the like, of names that are kept, by meaning."""
    columns = {normalized(column): column for column in reversed(table.columns)}
    found = {name: columns.get(normalized(f"{PART}{name}")) for name in options.kept_context}
    return {f"{PART}{name}": column for name, column in found.items() if column is not None}


def plan_context(seen: Findings) -> bool:
    """Whether events have contexts; says how they are read, and leaves out a column without any.

    Raises InvalidInputError for parts that nobody keeps, and if an object is named as well.
    """
    parts = [name for meaning in seen.fields if (name := part_of(meaning)) is not None]
    unkept = [name for name in parts if name not in seen.options.kept_context]
    if unkept:
        raise InvalidInputError(
            f"--column {PART}{unkept[0]}: contexts are kept of these names alone:"
            f" {', '.join(seen.options.kept_context) or 'none'} (TANDEM_KEPT_CONTEXT)."
        )
    if parts and CONTEXT in seen.fields:
        if CONTEXT in seen.options.columns:
            raise InvalidInputError(
                f"--column {CONTEXT} is the whole of a context, and --column {PART}{parts[0]} a"
                " part of it: say one of the two."
            )
        del seen.fields[CONTEXT]
    for name in parts:
        _plan_part(seen, name)
    if CONTEXT in seen.fields:
        _plan_object(seen)
    return any(meaning == CONTEXT or part_of(meaning) is not None for meaning in seen.fields)


def guessed_names(seen: Findings) -> tuple[str, ...]:
    """The names of contexts that are read though neither the user nor an export of ours said so."""
    if CONTEXT in seen.fields:
        return () if _is_explicit(seen, CONTEXT) else tuple(seen.options.kept_context)
    return tuple(
        name
        for meaning in seen.fields
        if (name := part_of(meaning)) is not None and not _is_explicit(seen, meaning)
    )


def context_text(plan: EventsPlan) -> str:
    """The SQL of a row's context as JSON, or as it stands; null where there is none."""
    if CONTEXT in plan.fields:
        return _text(str(plan.text(CONTEXT)))
    parts = {
        name: _text(str(plan.text(meaning)))
        for meaning in plan.fields
        if (name := part_of(meaning)) is not None
    }
    if not parts:
        return "null::varchar"
    pairs = ", ".join(f"{literal(name)}, {text}" for name, text in parts.items())
    is_any = " or ".join(f"{text} is not null" for text in parts.values())
    return f"case when {is_any} then cast(json_object({pairs}) as varchar) end"


def _text(expression: str) -> str:
    """The SQL of what a column says; null where it says nothing, as programs write that."""
    text = trimmed(f"ltrim({expression}, {literal(NOT_TEXT)})")
    nothing = ", ".join(map(literal, _NOTHING))
    return f"case when lower({text}) not in ({nothing}) then {text} end"


def _is_explicit(seen: Findings, meaning: str) -> bool:
    is_export = seen.layout is not None and seen.layout.is_export
    return is_export or meaning in seen.options.columns


def _plan_part(seen: Findings, name: str) -> None:
    """Reads a part; one that was guessed only if it looks like a part of contexts."""
    meaning = f"{PART}{name}"
    column, text = seen.fields[meaning], _text(seen.expression(meaning))
    if _is_explicit(seen, meaning):
        seen.read_as[meaning] = f"the {name} of the context"
        _note_many(seen, name, text)
        return
    given, faulty, values = seen.duck.execute(
        "select count(text), count(*) filter"
        f" (length(text) > {LONGEST_CONTEXT_VALUE} or contains(text, chr(0))), count(distinct text)"
        f" from (select {text} as text from {seen.table.view} where fault is null)"
    ).fetchall()[0]
    if 2 * faulty <= given and values <= MOST_CONTEXT_VALUES:
        seen.read_as[meaning] = f"the {name} of the context"
        return
    del seen.fields[meaning]
    why = (
        f"most of its values are longer than {LONGEST_CONTEXT_VALUE} characters"
        if 2 * faulty > given
        else f"it has {values:,} different values, and {MOST_CONTEXT_VALUES} are kept"
    )
    option = quote(f"{meaning}={column}")
    seen.notes.append(f"{column} is not read: {why} (--column {option} reads it)")


def _plan_object(seen: Findings) -> None:
    column = seen.fields[CONTEXT]
    rows = f"select distinct {_text(seen.expression(CONTEXT))} as text from {seen.table.view}"
    if not _is_explicit(seen, CONTEXT):
        kept = literal(",".join(seen.options.kept_context))
        given, faulty = seen.duck.execute(
            f"select count(*), count(*) filter (kept_contexts(text, {kept}, {kept}) ="
            f" {literal(NOT_READ)}) from ({rows} where fault is null limit {_LOOKED_AT})"
            " where text is not null"
        ).fetchall()[0]
        option = quote(f"{CONTEXT}={column}")
        if 2 * faulty > given:
            del seen.fields[CONTEXT]
            seen.notes.append(
                f"{column} is not read, as it holds no objects of texts (--column {option} reads"
                " those there are)"
            )
            return
        if faulty:
            seen.notes.append(
                f"events of which {column} is no object of texts have no context (--column {option}"
                " rejects them)"
            )
    names = [
        str(name)
        for (name,) in seen.duck.execute(
            "select distinct unnest(json_keys(text)) as name from"
            f" ({rows} where fault is null) where json_valid(text) order by name"
        ).fetchall()
    ]
    seen.read_as[CONTEXT] = _read_as(names, seen.options.kept_context)
    for name in set(names) & set(seen.options.kept_context):
        text, part = _text(seen.expression(CONTEXT)), literal(f"$.{name}")
        value = f"case when json_valid({text}) then json_extract_string({text}, {part}) end"
        _note_many(seen, name, value)


def _read_as(names: Sequence[str], kept: Sequence[str]) -> str:
    others = [name for name in names if name not in kept]
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    parts = [", ".join(name for name in names if name in kept) or "nothing of it is kept"]
    if others:
        parts.append(f"not kept (TANDEM_KEPT_CONTEXT): {', '.join(others[:_SHOWN])}{more}")
    return "; ".join(parts)


def _note_many(seen: Findings, name: str, text: str) -> None:
    (values,) = seen.duck.execute(
        f"select count(distinct {text}) from {seen.table.view} where fault is null"
    ).fetchall()[0]
    if values > MOST_CONTEXT_VALUES:
        seen.notes.append(
            f"{name} has {values:,} different values in contexts, and {MOST_CONTEXT_VALUES} are"
            " kept: events with others have no context"
        )
