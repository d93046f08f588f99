"""Judging the run on a held-out future, as Prefect tasks."""

from typing import Any

import numpy as np

from batch.evaluation import holdout, promotion_gate
from batch.evaluation.comparison import Comparison
from batch.evaluation.holdout import Holdout
from batch.evaluation.scoring import Figures
from batch.fitting import Factors
from batch.history.interactions import Interactions
from batch.parameters import ListHyperparameters
from batch.runs import model_runs
from batch.runs.model_runs import Run, ServedRun
from flows.learning_tasks import progress
from flows.nightly_context import NightlyContext
from flows.steps import step


@step("Split by time")
def split(context: NightlyContext, history: Interactions) -> Holdout:
    """Hold out the newest interactions as the future."""
    held_out = holdout.hold_out(history, context.settings)
    moment = np.datetime_as_string(held_out.split.moment, unit="s")
    context.say(f"The future begins at {moment} UTC; {held_out.users():,} users can be evaluated.")
    return held_out


@step("Fit on the past")
def fit_past(
    context: NightlyContext, held_out: Holdout, hyperparameters: ListHyperparameters
) -> Factors:
    """The candidate, learned from the past alone."""
    return holdout.fit_past(
        held_out,
        hyperparameters,
        engine=context.batch_engine,
        on_iteration=progress(context, hyperparameters),
    )


@step("Score the future")
def score_candidate(context: NightlyContext, held_out: Holdout, factors: Factors) -> Figures:
    """The candidate on the held-out future."""
    figures = holdout.score_future(held_out, factors, context.settings)
    context.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


@step("Score the popular lists")
def score_popularity(context: NightlyContext, held_out: Holdout) -> tuple[Figures, Figures]:
    """What was popular ever, and lately, on the same future."""
    ever = holdout.score_popularity(held_out, context.settings)
    lately = holdout.score_recent_popularity(held_out, context.settings)
    context.say(f"nDCG@20 {ever.ndcg:.4f} of all time, {lately.ndcg:.4f} of late.")
    return ever, lately


@step("Score the served run")
def score_served(context: NightlyContext, held_out: Holdout, served: ServedRun) -> Figures:
    """The served run's parameters on the same past: the run itself has seen part of the future."""
    factors = holdout.fit_past(held_out, served.hyperparameters, engine=context.batch_engine)
    figures = holdout.score_future(held_out, factors, context.settings)
    context.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


@step("Compare at the promotion gate")
def pass_promotion_gate(
    context: NightlyContext,
    run: Run,
    size: promotion_gate.Size,
    comparison: Comparison | None,
    evaluated: int,
) -> promotion_gate.Verdict:
    """Store the figures, and whether they let the run pass."""
    verdict = promotion_gate.judge(size, comparison, context.settings)
    metrics: dict[str, Any] = {"evaluated_users": evaluated, "gate": verdict.reason}
    if comparison is not None:
        metrics |= comparison.metrics(context.settings.seed)
    with context.begin() as connection:
        model_runs.store_metrics(connection, run.run_id, metrics)
        if verdict.accepted:
            model_runs.mark_evaluated(connection, run.run_id)
        else:
            model_runs.mark_refused(connection, run.run_id, verdict.reason)
    context.say(verdict.reason)
    return verdict
