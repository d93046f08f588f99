"""Choosing by the newest part of the history, as Prefect tasks."""

from collections.abc import Mapping
from dataclasses import replace

from batch.choosing import lists, live_weights
from batch.choosing import validation as validations
from batch.choosing.validation import Validation
from batch.content import choosing_words
from batch.content.words import ItemTerms
from batch.evaluation.holdout import Holdout
from batch.fitting import Factors
from batch.parameters import TREND_HALF_LIVES_DAYS, LiveWeights, WordParameters
from batch.replay import choosing_policy
from batch.replay.nights import night_of_past
from batch.runs import model_runs
from batch.runs.model_runs import Run
from batch.settings import BatchSettings
from flows.nightly_context import NightlyContext
from flows.steps import step


@step("Validate on the held-out future")
def make_validation(context: NightlyContext, run: Run, held_out: Holdout) -> Validation | None:
    """Item vectors of the past alone, to choose by what they foresee; None: too little to see."""
    validation = validations.make_validation(
        held_out.split,
        held_out.past,
        run.parameters.space,
        seed=context.settings.seed,
        engine=context.batch_engine,
    )
    events = 0 if validation is None else len(validation.events)
    context.say(f"{events:,} events to choose by." if events else "Too little to choose by.")
    return validation


@step("Choose the popular list")
def choose_popular_list(
    context: NightlyContext, run: Run, validation: Validation | None
) -> BatchSettings:
    """The settings with how far the popular list looks back."""
    settings = context.settings
    if not settings.choose or validation is None:
        context.say("As it is set up.")
        return settings
    chosen = lists.choose_popular(validation, settings)
    days = chosen.popular_half_life_days
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, {"popular_half_life_days": days})
    context.say(f"A liking counts half after {days:g} days.")
    return chosen


@step("Choose how the lists are made")
def choose_lists(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    asked: Mapping[str, float],
) -> tuple[Run, Factors | None]:
    """The run with the factors and exponents chosen, and their fit on the past, if there is one.

    What was `asked` for of this run stays as it is.
    """
    if not context.settings.choose or validation is None or asked:
        context.say("By the hyperparameters as they are.")
        return run, None
    chosen = lists.choose_lists(
        validation,
        run.parameters.lists,
        seed=context.settings.seed,
        engine=context.batch_engine,
        on_fit=lambda factors: context.say(f"Fitting {factors} factors to choose by."),
    )
    parameters = replace(run.parameters, lists=chosen.hyperparameters)
    with context.begin() as connection:
        model_runs.store_parameters(connection, run.run_id, lists=parameters.lists)
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    made = chosen.hyperparameters
    context.say(
        f"{made.factors} factors at the most, popularity exponent {made.popularity_exponent},"
        f" trend exponent {made.trend_exponent}, sequence {made.sequence_weight}:"
        f" {chosen.evidence}. With as many factors, each user counting the same:"
        f" {chosen.by_user}."
    )
    return replace(run, parameters=parameters), chosen.fitted


@step("Choose how the lists are blended")
def choose_policy(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    weights: LiveWeights,
    fitted: Factors | None,
) -> None:
    """What `TANDEM_BLEND_POLICY=learned` serves by, and what the fixed blend is beside it."""
    night = (
        None
        if validation is None or fitted is None
        else night_of_past(validation, run.parameters, weights, fitted, context.settings)
    )
    events = () if validation is None else validation.events
    chosen = choosing_policy.choose_policy(night, events, seed=context.settings.seed)
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    policy = chosen.policy
    context.say(
        f"Learned: {policy.policy} with batch weight {policy.batch_weight:g}: {chosen.evidence}."
    )


@step("Choose the weights of the live vector")
def choose_weights(context: NightlyContext, run: Run, validation: Validation | None) -> LiveWeights:
    """What taste, transitions and trends count."""
    chosen = live_weights.choose_weights(validation, run.parameters.space)
    with context.begin() as connection:
        model_runs.store_parameters(connection, run.run_id, weights=chosen.weights)
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    weights = chosen.weights
    context.say(
        f"Sequence 1, taste {weights.taste}, transitions {weights.transitions}, trends"
        f" {weights.trends} by half-lives of {TREND_HALF_LIVES_DAYS} days; multiplied by popularity"
        f" to the power {weights.popularity_exponent} and trends to {weights.trend_exponents}:"
        f" {chosen.evidence}."
    )
    return weights


@step("Choose how long words count", retried=True)
def choose_words(
    context: NightlyContext,
    run: Run,
    validation: Validation | None,
    terms: ItemTerms,
    weights: LiveWeights,
) -> WordParameters:
    """Up to how many users the words of an item say more of it than who used it."""
    chosen = choosing_words.choose_pseudo_count(
        validation,
        terms,
        space=run.parameters.space,
        weights=weights,
        words=WordParameters(),
    )
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, chosen.described())
    context.say(f"As much as {chosen.parameters.pseudo_count} users.")
    return chosen.parameters
