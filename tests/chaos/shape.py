"""What an answer must be whatever the store holds: filtered, without doubles, long enough."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.answers import FALLBACK, Answer
from tests.chaos.dataset import Dataset
from tests.chaos.ledger import Ledger
from tests.chaos.violations import Violations


def check_shape(answer: Answer, dataset: Dataset, ledger: Ledger, violations: Violations) -> None:
    """Find what contradicts the question, each fault as a violation of its kind."""
    for kind, fault in _faults(answer, dataset, ledger):
        violations.add(kind, answer.began, fault=fault, answer=answer.to_dict())


def _faults(answer: Answer, dataset: Dataset, ledger: Ledger) -> Iterator[tuple[str, str]]:
    """Kind and description of each."""
    twice = [item for item, times in Counter(answer.items).items() if times > 1]
    if twice:
        yield "item twice in a list", f"{twice} stand there more than once"
    yield from _ignored_filters(answer, dataset)
    if answer.question.endpoint == "search":
        yield from _wrong_finds(answer, dataset)
    missing = _fewest_items(answer, dataset, ledger) - len(answer.items)
    if missing > 0:
        yield "list too short", f"{missing} more items are eligible"
    if answer.strategy == "latest" and not _is_newest_first(answer, dataset):
        yield "not the newest first", "the numbers of the items do not fall"


def _ignored_filters(answer: Answer, dataset: Dataset) -> Iterator[tuple[str, str]]:
    unwanted = [
        item for item in answer.items if not answer.question.allows(dataset.categories[item])
    ]
    seeds = [item for item in answer.items if item in answer.question.seeds]
    if unwanted or seeds:
        yield "filter ignored", f"{unwanted} are of other categories, {seeds} were asked about"
    too_many = _categories_with_too_many(answer, dataset)
    if too_many:
        yield "filter ignored", f"there are too many of {too_many}"


def _wrong_finds(answer: Answer, dataset: Dataset) -> Iterator[tuple[str, str]]:
    strangers = [item for item in answer.by_words if not _has_a_word(answer, dataset.titles[item])]
    if strangers:
        yield "found without its words", f"{strangers} have none of {answer.question.words}"
    is_whole = answer.strategy != FALLBACK and answer.degraded is None and answer.user is None
    if is_whole and not answer.by_words:
        yield "words not found", f"no item has any of {answer.question.words}"


def _categories_with_too_many(answer: Answer, dataset: Dataset) -> list[str]:
    """Caps may give way to a full list only where the store was away: all categories are large."""
    most = answer.question.most_per_category
    if most is None or answer.degraded is not None:
        return []
    counts = Counter(dataset.categories[item] for item in answer.items)
    return [category for category, count in counts.items() if count > most]


def _has_a_word(answer: Answer, title: str) -> bool:
    words = title.lower().split()
    return any(word.startswith(asked) for word in words for asked in answer.question.words)


def _fewest_items(answer: Answer, dataset: Dataset, ledger: Ledger) -> int:
    """How many items there must be at least; of a list that says it is less, one."""
    question = answer.question
    allowed = {item for item, category in dataset.categories.items() if question.allows(category)}
    hidden = set(question.seeds) | (ledger.maybe_seen(answer.user) if answer.user else set())
    is_less = answer.strategy == FALLBACK or answer.degraded is not None
    return min(1 if is_less else question.limit, len(allowed - hidden))


def _is_newest_first(answer: Answer, dataset: Dataset) -> bool:
    """All items came in one transaction, so the highest number is the newest."""
    numbers = [dataset.item_nos[item] for item in answer.items]
    return numbers == sorted(numbers, reverse=True)
