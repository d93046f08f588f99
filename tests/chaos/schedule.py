"""When what is killed, frozen, rolled back: drawn from a seed. Pure."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["api", "speed", "redis", "postgres", "backend", "night", "pooler", "host"]
Act = Literal["kill", "pause", "slow", "rollback", "bad night", "cut off"]

KILLED: tuple[Kind, ...] = ("api", "speed", "redis", "postgres", "backend", "night")
PAUSED: tuple[Kind, ...] = ("api", "speed", "redis", "postgres", "night")
SLOWED: tuple[Kind, ...] = ("redis", "postgres")

_KILLS_A_SECOND = 44 / 600
_SECONDS_A_PAUSE = 30.0
_SECONDS_A_SLOW_SPELL = 10.0
_SECONDS_A_ROLLBACK = 40.0
_SECONDS_A_BAD_NIGHT = 120.0
_SECONDS_A_KILLED_POOLER = 60.0
_SECONDS_A_CUT_OFF = 20.0
_QUIET_AT_FIRST = 2.0
_QUIET_AT_LAST = 10.0
"""So that what happens last can recover while there is still load."""
_LONGEST_AWAY = 3.0
_LONGEST_CUT_OFF = 8.0
"""Longer than it takes until another worker has what was in the hands of one cut off."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One thing done to the system."""

    at_seconds: float
    """Since the load began."""
    act: Act
    kind: Kind
    """What it is done to; a rollback and a bad night concern the night."""
    share: float
    """In [0, 1): which of several, which step of a night, in which manner."""
    away_seconds: float
    """How long a killed process stays away and a frozen one frozen."""


def kills_within(seconds: float) -> int:
    """How many kills a run of so many seconds has: each kind at least once."""
    return max(len(KILLED), math.ceil(seconds * _KILLS_A_SECOND))


def schedule(seconds: float, seed: int, *, hosts: bool = False) -> tuple[PlannedFault, ...]:
    """All faults in order of time; the same seed gives the same ones.

    On several `hosts` the pooler is killed too, and machines with workers are cut off.
    """
    drawn = random.Random(seed)
    killed = list(_dealt(KILLED, kills_within(seconds), drawn))
    paused = list(_dealt(PAUSED, int(seconds // _SECONDS_A_PAUSE), drawn))
    rollbacks, bad_nights = (
        int(seconds // _SECONDS_A_ROLLBACK),
        int(seconds // _SECONDS_A_BAD_NIGHT),
    )
    plans: list[tuple[Act, Sequence[Kind]]] = [
        ("kill", killed),
        ("pause", paused),
        ("rollback", ["night"] * rollbacks),
        ("bad night", ["night"] * bad_nights),
        ("slow", list(_dealt(SLOWED, int(seconds // _SECONDS_A_SLOW_SPELL), drawn))),
    ]
    if hosts:
        plans += [
            ("kill", ["pooler"] * math.ceil(seconds / _SECONDS_A_KILLED_POOLER)),
            ("cut off", ["host"] * math.ceil(seconds / _SECONDS_A_CUT_OFF)),
        ]
    made = [entry for act, kinds in plans for entry in _scheduled(act, kinds, seconds, drawn)]
    return tuple(sorted(made, key=lambda planned: planned.at_seconds))


def _dealt(kinds: Sequence[Kind], count: int, drawn: random.Random) -> Iterator[Kind]:
    """Round after round of all kinds, each shuffled: none is left out."""
    dealt: list[Kind] = []
    while len(dealt) < count:
        dealt += drawn.sample(kinds, len(kinds))
    return iter(dealt[:count])


def _scheduled(
    act: Act, kinds: Sequence[Kind], seconds: float, drawn: random.Random
) -> Iterator[PlannedFault]:
    """Spread over the time, each somewhere in a slot of its own."""
    first = min(_QUIET_AT_FIRST, 0.1 * seconds)
    room = seconds - first - min(_QUIET_AT_LAST, 0.2 * seconds)
    slot = room / max(len(kinds), 1)
    longest = min(_LONGEST_CUT_OFF if act == "cut off" else _LONGEST_AWAY, slot / 2)
    for index, kind in enumerate(kinds):
        yield PlannedFault(
            at_seconds=first + slot * (index + drawn.random()),
            act=act,
            kind=kind,
            share=drawn.random(),
            away_seconds=drawn.uniform(min(0.2, longest), longest),
        )
