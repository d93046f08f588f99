"""Judging the run on a held-out future, as Prefect tasks."""

from typing import Any

import numpy as np

from batch import (
    gate,
    runs,
    trial,
)
from batch.comparison import Comparison
from batch.evaluation import Figures
from batch.fitting import Factors
from batch.history import Interactions
from batch.parameters import ListRecipe
from batch.runs import Run, ServedRun
from batch.trial import Trial
from flows.learning_tasks import progress
from flows.night import Night
from flows.steps import step


@step("Split by time")
def split(night: Night, history: Interactions) -> Trial:
    """Hold out the newest interactions as the future."""
    held_out = trial.hold_out(history, night.settings)
    moment = np.datetime_as_string(held_out.split.moment, unit="s")
    night.say(f"The future begins at {moment} UTC; {held_out.users():,} users can be evaluated.")
    return held_out


@step("Fit on the past")
def fit_past(night: Night, held_out: Trial, recipe: ListRecipe) -> Factors:
    """The candidate, learned from the past alone."""
    return trial.fit_past(
        held_out,
        recipe,
        threads=night.settings.threads,
        on_iteration=progress(night, recipe),
    )


@step("Score the future")
def score_candidate(night: Night, held_out: Trial, factors: Factors) -> Figures:
    """The candidate on the held-out future."""
    figures = trial.score_future(held_out, factors, night.settings)
    night.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


@step("Score the popular lists")
def score_popularity(night: Night, held_out: Trial) -> tuple[Figures, Figures]:
    """What was popular ever, and lately, on the same future."""
    ever = trial.score_popularity(held_out, night.settings)
    lately = trial.score_recent_popularity(held_out, night.settings)
    night.say(f"nDCG@20 {ever.ndcg:.4f} of all time, {lately.ndcg:.4f} of late.")
    return ever, lately


@step("Score the served run")
def score_served(night: Night, held_out: Trial, served: ServedRun) -> Figures:
    """The served run's parameters on the same past: the run itself has seen part of the future."""
    factors = trial.fit_past(held_out, served.recipe, threads=night.settings.threads)
    figures = trial.score_future(held_out, factors, night.settings)
    night.say(f"nDCG@20 {figures.ndcg:.4f}, recall@20 {figures.recall:.4f}.")
    return figures


@step("Compare at the gate")
def pass_gate(
    night: Night, run: Run, size: gate.Size, comparison: Comparison | None, evaluated: int
) -> gate.Verdict:
    """Store the figures, and whether they let the run pass."""
    verdict = gate.judge(size, comparison, night.settings)
    metrics: dict[str, Any] = {"evaluated_users": evaluated, "gate": verdict.reason}
    if comparison is not None:
        metrics |= comparison.metrics(night.settings.seed)
    with night.begin() as connection:
        runs.store_metrics(connection, run.run_id, metrics)
        if verdict.accepted:
            runs.mark_evaluated(connection, run.run_id)
        else:
            runs.mark_refused(connection, run.run_id, verdict.reason)
    night.say(verdict.reason)
    return verdict
