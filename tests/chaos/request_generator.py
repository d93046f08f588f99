"""Drawing questions: all that the API answers without looking at one item or one user."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.dataset import Dataset
from tests.chaos.questions import Endpoint, Question, list_for

_LIMITS = (20, 20, 20, 50)
_SHORT = 20
"""The length of a list that has to be found among the items of a few categories."""
_WINDOWS = ("day", "week", "month")
_SESSIONS = 3
_OTHERS = 0.2
"""Share of the reads that are something else than a user's plain list."""
_FOR_SOMEBODY = 0.6
"""Share of the lists for everybody, and of searches, that leave out what a user has seen."""
_NARROWED = 0.4
_BEGINNING = 4
"""Letters of a word that is typed only in part."""


@dataclass(slots=True)
class RequestGenerator:
    """Draws what is asked."""

    dataset: Dataset
    drawn: random.Random
    _unasked: list[Callable[[str], Question]] = field(init=False)
    """Kinds of questions that were not asked yet."""

    def __post_init__(self) -> None:
        self._unasked = list(self._other_kinds())

    def anything(self, user: str) -> Question:
        """Mostly the user's plain list; else one of all the other questions.

        First of all each of the others once, so that the shortest load has them all.
        """
        if self._unasked:
            return self._unasked.pop()(user)
        if self.drawn.random() < _OTHERS:
            return self.something_else(user)
        return list_for(user, self.drawn.choice(_LIMITS))

    def something_else(self, user: str) -> Question:
        """Anything but a plain list, mostly for this user."""
        return self.drawn.choice(self._other_kinds())(user)

    def _other_kinds(self) -> tuple[Callable[[str], Question], ...]:
        return (
            self._narrowed_list,
            self._slots,
            self._stated,
            self._popular,
            self._trending,
            self._latest,
            self._starter,
            self._similar,
            self._search,
        )

    def _narrowed_list(self, user: str) -> Question:
        chosen = self._categories(self.drawn.choice((1, 2)))
        if self.drawn.random() < _NARROWED:
            return Question("recommendations", _SHORT, user, no_categories=chosen)
        return Question("recommendations", _SHORT, user, categories=chosen)

    def _slots(self, user: str) -> Question:
        return Question(
            "recommendations",
            _SHORT,
            user,
            most_per_category=self.drawn.choice((None, 3)),
            diversity=self.drawn.choice((None, 0.0, 0.5)),
            explore=self.drawn.choice((None, 0.0, 0.3)),
        )

    def _stated(self, user: str) -> Question:
        words = self.drawn.sample(self.dataset.words, self.drawn.choice((1, 2)))
        return Question("recommendations", _SHORT, user, interests=tuple(words))

    def _popular(self, user: str) -> Question:
        window = self.drawn.choice((None, None, *_WINDOWS, "all"))
        return self._for_everybody("popular", user, window)

    def _trending(self, user: str) -> Question:
        return self._for_everybody("trending", user, self.drawn.choice(_WINDOWS))

    def _latest(self, user: str) -> Question:
        return self._for_everybody("latest", user, None)

    def _starter(self, user: str) -> Question:
        session = f"session-{self.drawn.randrange(_SESSIONS)}"
        return Question(
            "starter", _SHORT, self._maybe(user), categories=self._category(), session=session
        )

    def _for_everybody(self, endpoint: Endpoint, user: str, window: str | None) -> Question:
        return Question(
            endpoint,
            self.drawn.choice(_LIMITS),
            self._maybe(user),
            categories=self._category(),
            window=window,
        )

    def _similar(self, user: str) -> Question:
        seeds = self.drawn.sample(list(self.dataset.item_nos), self.drawn.choice((1, 1, 3)))
        narrowed = self.drawn.random() < _NARROWED
        return Question(
            "similar",
            _SHORT,
            self._maybe(user),
            no_categories=self._categories(1) if narrowed else (),
            seeds=tuple(seeds),
        )

    def _search(self, user: str) -> Question:
        words = self.drawn.sample(self.dataset.words, self.drawn.choice((1, 2)))
        if self.drawn.random() < _NARROWED:
            words[-1] = words[-1][:_BEGINNING]
        return Question("search", _SHORT, self._maybe(user), words=tuple(words))

    def _maybe(self, user: str) -> str | None:
        return user if self.drawn.random() < _FOR_SOMEBODY else None

    def _category(self) -> tuple[str, ...]:
        return self._categories(1) if self.drawn.random() < _NARROWED else ()

    def _categories(self, count: int) -> tuple[str, ...]:
        return tuple(self.drawn.sample(self.dataset.all_categories, count))
