"""Which rules hold for one request: by the time, the request's context, and the user."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from serving.filtering.expression import Document
from serving.filtering.language import parse_filter
from serving.rules.rule import Rule, Selection

ItemNos = NDArray[np.int32]
"""(n,) item numbers, rising, each once."""


@dataclass(frozen=True, slots=True)
class HoldingRules:
    """The rules that hold for one request, in the order in which they are applied."""

    rules: tuple[Rule, ...] = field(default=(), compare=False)
    key: str = ""
    """The same text for the same rules, in every process; empty for none."""
    asks_attributes: bool = field(default=False, compare=False)
    """Whether what they do changes with attributes of items."""
    asks_now: bool = field(default=False, compare=False)
    """Whether it changes with the time alone."""
    for_users: tuple[str, ...] = field(default=(), compare=False)
    """The names of those that hold for some users and not here, as nobody is known."""

    @classmethod
    def of(cls, rules: Iterable[Rule], for_users: Iterable[str] = ()) -> Self:
        """These rules, all of them; `for_users`: see the field."""
        held, others = tuple(rules), tuple(for_users)
        if not held:
            return cls(for_users=others)
        text = "\n".join(rule.model_dump_json(exclude_none=True) for rule in held)
        return cls(
            held,
            hashlib.sha256(text.encode()).hexdigest()[:16],
            any(rule.asks_attributes for rule in held),
            any(rule.asks_now for rule in held),
            others,
        )

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.rules)

    def selections(self) -> list[Selection]:
        """The items they are about, each selection once."""
        return list(dict.fromkeys(each.selection for each in self.rules if each.selection))

    def attributes(self) -> list[str]:
        """The attributes of which they cap each value, each once."""
        return list(dict.fromkeys(each.attribute for each in self.rules if each.attribute))


NO_RULES = HoldingRules()


@dataclass(eq=False, slots=True)
class RuleSet:
    """All rules of a placement, of which each request is given those that hold for it."""

    rules: Sequence[Rule]
    asks_user: bool = field(init=False)
    """Whether the user's attributes decide."""
    is_constant: bool = field(init=False)
    """Whether the same rules hold for every request at any time."""
    _all: HoldingRules = field(init=False)
    _chosen: dict[tuple[bool | None, ...], HoldingRules] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """See the fields."""
        self.asks_user = any(rule.users is not None for rule in self.rules)
        self.is_constant = not any(map(_is_conditional, self.rules))
        self._all = HoldingRules.of(self.rules)

    def holding(
        self,
        now: datetime,
        context: Mapping[str, str] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> HoldingRules:
        """The rules that hold at a time, in a context, for a user with these attributes.

        `attributes` None: nobody is known, so that a rule for some users does not hold.
        """
        if self.is_constant:
            return self._all
        values = context or {}
        chosen = tuple(
            rule.holds_at(now) and rule.holds_in(values) and _holds_for(rule, attributes, now)
            for rule in self.rules
        )
        known = self._chosen.get(chosen)
        if known is None:
            decided = [*zip(self.rules, chosen, strict=True)]
            known = HoldingRules.of(
                (rule for rule, holds in decided if holds),
                (rule.name for rule, holds in decided if holds is None),
            )
            if len(self._chosen) >= _MOST_CHOICES:
                self._chosen.clear()
            self._chosen[chosen] = known
        return known


_MOST_CHOICES = 1_000
"""Subsets of one placement's rules that are kept."""


def _is_conditional(rule: Rule) -> bool:
    return any(each is not None for each in (rule.users, rule.when, rule.starts_at, rule.ends_at))


def _holds_for(rule: Rule, attributes: Mapping[str, Any] | None, now: datetime) -> bool | None:
    """None: it cannot be told, as nobody is known."""
    if rule.users is None:
        return True
    if attributes is None:
        return None
    return parse_filter(rule.users).holds(Document(attributes, {}), now)
