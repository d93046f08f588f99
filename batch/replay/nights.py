"""What a nightly run would have learned of a log up to some moment."""

from dataclasses import dataclass, field

from batch.choosing.lists import choose_lists, choose_popular
from batch.choosing.live_weights import choose_weights
from batch.choosing.validation import Validation, make_validation
from batch.engines.implicit_engine import ImplicitEngine
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.history.matrix import interaction_matrix
from batch.history.splitting import split_by_time
from batch.lists.listing import fit_lists
from batch.lists.popularity import popular_scores
from batch.parameters import ListHyperparameters, LiveWeights, RunParameters
from batch.replay.choosing_policy import choose_policy
from batch.replay.sources import FittedNight
from batch.settings import BatchSettings
from batch.space.composing import fit_item_components, item_space
from batch.space.recent_pairs import RecentPairs
from batch.space.validation_events import Timeline
from domain.blend import BlendPolicy

HOLDOUT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Choices:
    """What a night chose, by what its validation events showed."""

    weights: LiveWeights = field(default_factory=LiveWeights)
    lists: ListHyperparameters | None = None
    """None: as they were asked for."""
    popular: BatchSettings | None = None
    """The popular list; None: as it is set up."""
    policy: BlendPolicy | None = None
    """None: no blend is learned."""


def fit_night(
    timeline: Timeline, cut_off: int, parameters: RunParameters, *, seed: int = 0, threads: int = 0
) -> FittedNight:
    """What the nightly run would have learned from the first `cut_off` interactions."""
    validation = validation_of_night(
        timeline.before(cut_off), parameters, seed=seed, threads=threads
    )
    choices = choices_of(validation, parameters, seed=seed, threads=threads)
    return night_with(timeline, cut_off, parameters, choices, threads=threads)


def validation_of_night(
    past: Interactions, parameters: RunParameters, *, seed: int, threads: int = 0
) -> Validation | None:
    """As the night does it: on the newest part of what it has read."""
    split = split_by_time(past, HOLDOUT_SHARE)
    before = interaction_matrix(split.past, split.moment)
    return make_validation(
        split, before, parameters.space, seed=seed, engine=ImplicitEngine(threads)
    )


def choices_of(
    validation: Validation | None, parameters: RunParameters, *, seed: int = 0, threads: int = 0
) -> Choices:
    """All that a night chooses; the defaults without a validation."""
    if validation is None:
        return Choices()
    weights = choose_weights(validation, parameters.space).weights
    split, settings = validation.split, default_settings()
    lists = choose_lists(validation, parameters.lists, seed=seed, engine=ImplicitEngine(threads))
    listed = choose_popular(validation, settings)
    fitted = lists.fitted or fit_lists(
        validation.past,
        split.past,
        split.moment,
        lists.hyperparameters,
        sequence=validation.components.sequence,
        engine=ImplicitEngine(threads),
    )
    past = night_of_past(validation, parameters, weights, fitted, listed)
    policy = choose_policy(past, validation.events, seed=seed).policy
    return Choices(weights, lists.hyperparameters, listed, policy)


def night_of_past(
    validation: Validation,
    parameters: RunParameters,
    weights: LiveWeights,
    fitted: Factors,
    settings: BatchSettings,
) -> FittedNight:
    """What was learned from the past of a validation, put together as a night."""
    split, matrix = validation.split, validation.past
    return FittedNight(
        cut_off=len(split.past),
        matrix=matrix,
        lists=fitted,
        space=item_space(validation.components, parameters.space, weights),
        popular=popular_scores(split.past, matrix, split.moment, settings),
        past=split.past,
        recent=validation.recent,
    )


def night_with(
    timeline: Timeline,
    cut_off: int,
    parameters: RunParameters,
    choices: Choices,
    *,
    threads: int = 0,
) -> FittedNight:
    """What is learned from the first `cut_off` interactions with everything chosen."""
    past, weights = timeline.before(cut_off), choices.weights
    as_of = past.newest()
    matrix = interaction_matrix(past, as_of)
    components = fit_item_components(
        matrix,
        past,
        as_of,
        parameters.space,
        ridges=weights.ridges,
        engine=ImplicitEngine(threads),
    )
    recent = RecentPairs.none()
    if weights.recent:
        recent = RecentPairs.of(timeline.interactions, cut_off, matrix.item_nos)
    return FittedNight(
        cut_off=cut_off,
        matrix=matrix,
        lists=fit_lists(
            matrix,
            past,
            as_of,
            choices.lists or parameters.lists,
            sequence=components.sequence,
            engine=ImplicitEngine(threads),
        ),
        space=item_space(components, parameters.space, weights),
        popular=popular_scores(past, matrix, as_of, choices.popular or default_settings()),
        past=past,
        recent=recent,
        policy=choices.policy,
    )


def default_settings() -> BatchSettings:
    """Settings without those of an environment: a replay must say the same everywhere."""
    return BatchSettings.model_construct()
