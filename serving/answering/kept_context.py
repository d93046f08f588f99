"""What is kept of contexts: names that the operator has listed, and no others.

An app may say anything in a context, a user's place too. What picks a variant need not be stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.limits import KEPT_CONTEXT


@dataclass(frozen=True, slots=True)
class KeptContext:
    """The names that are kept with impressions and events."""

    names: frozenset[str] = frozenset(KEPT_CONTEXT)

    def of(self, context: Mapping[str, str] | None) -> dict[str, str] | None:
        """What is kept of a context, by name in their order; None: nothing."""
        if not context:
            return None
        return {name: context[name] for name in sorted(self.names & context.keys())} or None
