"""Users who say what they like: some who have done things before, some whom nobody knows."""

import random
from dataclasses import dataclass, field

from tests.chaos.dataset import Dataset
from tests.chaos.writing import Writer

_KNOWN_USERS = slice(120, 160)
"""Of the users in the order of activity; none of them is ever removed."""
_NEWCOMERS = 60
_NEWCOMER = 0.4
_MOST_WORDS, _MOST_ITEMS = 3, 2


@dataclass(slots=True)
class PreferenceGenerator:
    """Declares interests for one user after the other."""

    dataset: Dataset
    writer: Writer
    drawn: random.Random
    _busy: set[str] = field(default_factory=set)
    """Of several statements of one user at a time nobody could say which is the last."""

    async def state(self) -> str | None:
        """One statement, until it is acknowledged: the user; None if it was not."""
        user = self._user()
        if user in self._busy:
            return None
        self._busy.add(user)
        words = self.drawn.sample(self.dataset.vocabulary, self.drawn.randint(0, _MOST_WORDS))
        items = self.drawn.sample(list(self.dataset.item_nos), self.drawn.randint(0, _MOST_ITEMS))
        try:
            acknowledged = await self.writer.state(user, tuple(words), tuple(items))
        finally:
            self._busy.discard(user)
        return user if acknowledged else None

    def _user(self) -> str:
        if self.drawn.random() < _NEWCOMER:
            return f"newcomer-{self.drawn.randrange(_NEWCOMERS)}"
        return self.drawn.choice(self.dataset.users[_KNOWN_USERS])
