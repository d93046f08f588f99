"""Entries of a batch: each is refused with its own reasons, whatever the others are like."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from serving.http.errors import faults_of
from serving.http.values import QueryBoolean
from serving.runtime.faults import MOST_FAULTS, Fault, FaultyInputError

MOST_ENTRIES = 1_000

Partial = Annotated[
    QueryBoolean,
    Field(
        description="Whether good entries are stored though others are refused; each entry has a"
        " result. Otherwise all are stored, or none and the reasons."
    ),
]


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry that is not even well formed, kept until the others have been looked at."""

    faults: tuple[Fault, ...]


def _refuse_later(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(given)
    except ValidationError as error:
        return RefusedEntry(faults_of(error.errors()))


REFUSED_LATER = WrapValidator(_refuse_later)
"""An entry that is not valid becomes a `RefusedEntry`."""


class FaultAnswer(BaseModel):
    """One thing that is wrong with an entry."""

    pointer: str = Field(
        description="Where: a JSON pointer into the body.", examples=["/items/3/title"]
    )
    detail: str = Field(description="What is wrong, and what would be right.")


Errors = Annotated[
    list[FaultAnswer], Field(description="Why the entry is refused; empty if it is not.")
]


def errors_of(faults: Sequence[Fault]) -> list[FaultAnswer]:
    """The faults of one entry as an answer has them."""
    return [
        FaultAnswer(pointer=fault.pointer, detail=fault.detail) for fault in faults[:MOST_FAULTS]
    ]


def faults_of_entry(name: str, index: int, faults: Iterable[Fault]) -> list[Fault]:
    """The same, each with where the entry stands in the list of this name."""
    return [Fault(f"/{name}/{index}{fault.pointer}", fault.detail) for fault in faults]


def entry_faults(
    name: str, entries: Sequence[BaseModel | RefusedEntry], key: str
) -> dict[int, list[Fault]]:
    """What is wrong with entries by themselves, by their indexes in the list of this name.

    Of several entries with one `key` all but the first are refused: one of them would be ignored.
    """
    found: dict[int, list[Fault]] = {}
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, RefusedEntry):
            found[index] = faults_of_entry(name, index, entry.faults)
        elif (earlier := first.setdefault(getattr(entry, key), index)) != index:
            detail = f"It stands at /{name}/{earlier} too; send each once."
            found[index] = [Fault(f"/{name}/{index}/{key}", detail)]
    return found


def refuse_all(name: str, found: Mapping[int, Sequence[Fault]]) -> None:
    """FaultyInputError with what is wrong in a batch that is stored all or none, if anything is."""
    faults = [fault for index in sorted(found) for fault in found[index]]
    if not faults:
        return
    more = f" The first {MOST_FAULTS} are listed." if len(faults) > MOST_FAULTS else ""
    raise FaultyInputError(
        f"Nothing was stored: {len(faults)} fault(s) in the {name}.{more}", faults
    )


Outcome = Literal["created", "replaced", "refused"]


def batch_answer(
    entries: Sequence[BaseModel | RefusedEntry],
    key: str,
    found: Mapping[int, Sequence[Fault]],
    is_new: Callable[[str], bool],
) -> dict[str, Any]:
    """The fields of an answer: what became of each entry, in their order, and of how many.

    `found`: what was wrong with entries, by their indexes; `is_new`: of a stored one by its `key`.
    """
    results: list[dict[str, Any]] = []
    outcomes: Counter[Outcome] = Counter()
    for index, entry in enumerate(entries):
        named = None if isinstance(entry, RefusedEntry) else getattr(entry, key)
        outcome: Outcome = "refused"
        if named is not None and index not in found:
            outcome = "created" if is_new(named) else "replaced"
        outcomes[outcome] += 1
        errors = errors_of(found.get(index, ()))
        results.append({key: named, "status": outcome, "errors": errors})
    counts = {outcome: outcomes[outcome] for outcome in get_args(Outcome)}
    return {**counts, "results": results}
