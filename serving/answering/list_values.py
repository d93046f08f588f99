"""What a list may be asked to be, in words that queries, bodies and placements share."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, Field, StringConstraints
from typing_extensions import TypeAliasType

from domain.blend import Policy
from domain.limits import CONTEXT_NAME, LONGEST_CONTEXT_VALUE, MOST_CONTEXT
from serving.candidates import SOURCES
from serving.http.values import Documented, Text
from serving.lists.asked_blend import AS_SET, AskedBlend
from serving.lists.request import MOST_NOT_AGAIN_DAYS
from serving.runtime.faults import Fault, invalid_request

PolicyName = TypeAliasType("PolicyName", Policy)

SOURCE_NAMES = tuple(sorted(source.name for source in SOURCES))
SourceName = TypeAliasType(
    "SourceName", Annotated[str, Field(pattern=f"^({'|'.join(SOURCE_NAMES)})$")]
)
Weights = Annotated[
    dict[SourceName, Annotated[float, Gt(0), Le(999), Field(strict=True)]], Field(min_length=1)
]
Sharpness = Annotated[float, Ge(0.1), Le(100)]

WEIGHTS = (
    "Its weight; sources that are not named are not asked, and the weights of those that have"
    " something for the user are made to sum to 1. Left out: as the placement, then the settings"
    " say."
)
POLICY = (
    "How the weights are chosen, where weights does not give them. Left out: as the placement says,"
    " then TANDEM_BLEND_POLICY."
)
SHARPNESS = (
    "The power that scaled scores are raised to. Left out: that of the placement, then of the"
    " settings, or of the night with the policy learned."
)

_DURATION = re.compile(r"^(0|[1-9][0-9]{0,2})[hd]$")
_HOUR = 3_600.0


def seconds_of(duration: str) -> float:
    """How long a `Duration` is."""
    return int(duration[:-1]) * (_HOUR if duration.endswith("h") else 24 * _HOUR)


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text) or seconds_of(text) > MOST_NOT_AGAIN_DAYS * 24 * _HOUR:
        raise ValueError(f"give hours or days, as 12h or 3d; {MOST_NOT_AGAIN_DAYS}d at most")
    return text


Duration = Annotated[str, AfterValidator(_duration), Documented({"pattern": _DURATION.pattern})]


def asked_blend(
    weights: Iterable[tuple[str, float]],
    policy: Policy | None,
    sharpness: float | None,
    pointer: str = "query:",
) -> AskedBlend:
    """What is said of the blend; FaultyInputError if that contradicts itself."""
    named = sorted(weights)
    if not named and policy is None and sharpness is None:
        return AS_SET
    faults = [
        Fault(f"{pointer}weights", f"The weight of {name} is given {times} times.")
        for name, times in Counter(name for name, _ in named).items()
        if times > 1
    ]
    if named and policy is not None:
        detail = "The weights are given by weights: leave one of the two out."
        faults.append(Fault(f"{pointer}policy", detail))
    if faults:
        raise invalid_request(faults)
    return AskedBlend(tuple(named), policy, sharpness)


LONGEST_PLACEMENT = 64
AskedPlacement = Annotated[
    Annotated[Text, Field(min_length=1, max_length=LONGEST_PLACEMENT)] | None,
    Field(
        description="Where the list is shown: what was decided for this placement holds where the"
        " request says nothing. Left out: recommendations are for default, other lists for none.",
        examples=["default"],
    ),
]

ContextName = Annotated[str, StringConstraints(pattern=f"^{CONTEXT_NAME}$")]
ContextValue = Annotated[Text, Field(min_length=1, max_length=LONGEST_CONTEXT_VALUE)]
CONTEXT = (
    "Where and when the list is shown, as a device or a daypart: it picks the variant of the"
    " placement."
)
ONLY_THESE_NAMES = Documented({"additionalProperties": False})
"""For objects whose names have a pattern: pydantic refuses others, and the schema is to say so."""
AskedContextByName = Annotated[
    Annotated[dict[ContextName, ContextValue], ONLY_THESE_NAMES] | None,
    Field(
        max_length=MOST_CONTEXT,
        description=f"{CONTEXT} By name.",
        examples=[{"device": "phone"}],
    ),
]

_CONTEXT_PAIR = re.compile(rf"({CONTEXT_NAME}):([^\u0000]{{1,{LONGEST_CONTEXT_VALUE}}})")


def _context_pair(text: str) -> str:
    if not _CONTEXT_PAIR.fullmatch(text):
        raise ValueError("give a name in lower case and a value, as device:phone")
    return text


AskedContext = Annotated[
    list[
        Annotated[
            Text,
            AfterValidator(_context_pair),
            Documented({"pattern": f"^{_CONTEXT_PAIR.pattern}$"}),
        ]
    ]
    | None,
    Field(
        max_length=MOST_CONTEXT,
        description=f"{CONTEXT} A name and a value, as device:phone; may be repeated.",
        examples=[["device:phone", "daypart:evening"]],
    ),
]


def context_of(pairs: Iterable[str]) -> dict[str, str]:
    """A context as a query says it, by name; FaultyInputError if it gives a name twice."""
    named = [pair.partition(":")[::2] for pair in pairs]
    faults = [
        Fault("query:context", f"There are {times} values of {name}.")
        for name, times in Counter(name for name, _ in named).items()
        if times > 1
    ]
    if faults:
        raise invalid_request(faults)
    return dict(named)
