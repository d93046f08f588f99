"""A holdout: fit on the past, score the future, whatever the parameters."""

from collections.abc import Callable
from dataclasses import dataclass

from batch.engines.engine import BatchEngine
from batch.engines.implicit_engine import ONE_MACHINE
from batch.evaluation.scoring import Figures, score
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import InteractionMatrix, interaction_matrix
from batch.history.splitting import (
    Relevant,
    Split,
    relevant_in_future,
    sample_users,
    split_by_time,
)
from batch.lists.listing import fit_lists
from batch.lists.popularity import all_time, as_factors, popular
from batch.parameters import ListHyperparameters
from batch.settings import BatchSettings
from batch.space.sequence import SequenceVectors


@dataclass(frozen=True, slots=True)
class Holdout:
    """A held-out future, and the past that candidates learn from."""

    split: Split
    past: InteractionMatrix
    relevant: Relevant
    """Of the users who are evaluated."""
    sequence: SequenceVectors | None = None
    """What the past says of what follows what; None: it is learned by each fit that needs it."""

    def users(self) -> int:
        """How many users are evaluated."""
        return len(self.relevant.users())


def hold_out(interactions: Interactions, settings: BatchSettings) -> Holdout:
    """Hold out the newest interactions and choose the users to evaluate."""
    split = split_by_time(interactions, settings.holdout_share)
    past = interaction_matrix(split.past, split.moment)
    relevant = relevant_in_future(past, split.future, split.moment)
    chosen = sample_users(relevant.users(), settings.most_evaluated_users, settings.seed)
    return Holdout(split, past, relevant.of_users(chosen))


def fit_past(
    holdout: Holdout,
    hyperparameters: ListHyperparameters,
    *,
    engine: BatchEngine = ONE_MACHINE,
    on_iteration: Callable[[int], None] = lambda _iteration: None,
) -> Factors:
    """Learn from the past alone."""
    return fit_lists(
        holdout.past,
        holdout.split.past,
        holdout.split.moment,
        hyperparameters,
        sequence=holdout.sequence,
        engine=engine,
        on_iteration=on_iteration,
    )


def score_future(holdout: Holdout, factors: Factors, settings: BatchSettings) -> Figures:
    """Judge factors learned from the past; there must be users to evaluate."""
    return score(
        holdout.past,
        factors,
        holdout.relevant,
        chunk_users=settings.chunk_users,
        threads=settings.threads,
    )


def score_popularity(holdout: Holdout, settings: BatchSettings) -> Figures:
    """Judge the items most liked in the past, seen ones left out, on the same future."""
    return score_future(holdout, as_factors(all_time(holdout.split.past), holdout.past), settings)


def score_recent_popularity(holdout: Holdout, settings: BatchSettings) -> Figures:
    """Judge the popular list as it would have been published at the end of the past."""
    ranking = popular(holdout.split.past, holdout.split.moment, settings)
    return score_future(holdout, as_factors(ranking, holdout.past), settings)
