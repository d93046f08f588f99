"""Settings of the nightly run."""

from dataclasses import fields
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from batch.parameters import ListHyperparameters, RunParameters, SpaceParameters
from sql.environment import LayerSettings

_LISTS = ListHyperparameters()
_SPACE = SpaceParameters()


class BatchSettings(LayerSettings):
    """Read from the environment once, when the run begins."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_BATCH_")

    factors: int = Field(
        _LISTS.factors,
        ge=1,
        le=1999,
        description="numbers that describe a user or an item in the lists' fit",
    )
    iterations: int = Field(
        _LISTS.iterations, ge=1, description="rounds of alternating least squares"
    )
    confidence: float = Field(
        _LISTS.confidence,
        gt=0,
        description="a in the confidence a * weight / (d_u^b * d_i^c) at b = c = 1/2",
    )
    threshold: float | None = Field(
        _LISTS.threshold,
        gt=0,
        lt=1,
        description="regularization divided by confidence; unset: by the density of the history",
    )
    user_exponent: float = Field(
        _LISTS.user_exponent, ge=0, le=1, description="b: how much a user with many items is damped"
    )
    item_exponent: float = Field(
        _LISTS.item_exponent,
        ge=0,
        le=1,
        description="c: how much an item with many users is damped",
    )
    balanced: bool = Field(
        default=_LISTS.balanced,
        description="whether a second fit with b = c = 1/2 has half the say",
    )
    popularity_exponent: float = Field(
        _LISTS.popularity_exponent, ge=-1, le=1, description="e: scores are multiplied by d_i^e"
    )
    trend_exponent: float = Field(
        _LISTS.trend_exponent, ge=0, le=2, description="g: and by (1 + recent interactions)^g"
    )
    trend_half_life_days: float = Field(
        _LISTS.trend_half_life_days,
        gt=0,
        description="age at which an interaction counts half in the trend of the lists",
    )
    decay_per_year: float = Field(
        _LISTS.decay_per_year,
        ge=0,
        le=50,
        description="how often a year halves what an interaction counts for the lists; 0: never",
    )
    sequence_weight: float = Field(
        _LISTS.sequence_weight,
        ge=0,
        le=10,
        description="what comes after a user's newest items counts so much beside the factors",
    )
    live_factors: int = Field(
        _SPACE.factors,
        ge=1,
        le=1000,
        description="numbers of taste in a live vector; the lists may have more",
    )
    engine: Literal["implicit", "spark"] = Field(
        "implicit",
        description="where a night computes: implicit, on its own machine, or spark, on a cluster",
    )
    seed: int = Field(
        _LISTS.seed, ge=0, description="where the random start of the factors comes from"
    )
    threads: int = Field(
        0,
        ge=0,
        description="threads of a fit; 0: as many as there are cores; with 1 the steps of a night"
        " follow each other too",
    )
    folder: Path | None = Field(
        None,
        description="a folder on a disk for what a night need not hold in memory; unset: the"
        " system's for temporary files, which some systems have in memory",
    )

    holdout_share: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of the interactions, the newest, that is held out to judge a run",
    )
    most_evaluated_users: int = Field(
        20_000, ge=1, description="how many users are evaluated at the most, drawn at random"
    )
    fewest_evaluated_users: int = Field(
        20, ge=1, description="with fewer users to evaluate a run is published without comparison"
    )
    gate_margin: float = Field(
        0.05,
        ge=0,
        le=1,
        description="share by which a new run may be worse than the served one",
    )
    gate_fewest_interactions_share: float = Field(
        0.5, ge=0, le=1, description="share of the served run's interactions a new run must have"
    )

    choose: bool = Field(
        default=True,
        description="whether each night chooses factors, exponents and the popular list's window by"
        " what its newest part shows; the number of factors is then the most there may be",
    )
    list_length: int = Field(200, ge=1, le=1000, description="items in a user's batch list")
    chunk_users: int = Field(
        5_000, ge=1, description="users whose lists or vectors are in memory at once"
    )
    popular_length: int = Field(500, ge=1, description="items in a popular list at the most")
    popular_days: float = Field(90.0, gt=0, description="days the popular list looks back")
    popular_half_life_days: float = Field(
        30.0, gt=0, description="age at which an interaction counts half in the popular list"
    )
    fewest_popular_items: int = Field(
        50, ge=0, description="with fewer recent items the popular list is that of all time"
    )
    fewest_category_items: int = Field(
        5, ge=1, description="with fewer items a category gets no popular list of its own"
    )

    words_language: str = Field(
        "english",
        pattern="^[a-z]+$",
        description="language of the items' texts, for stemming; simple: no stemming",
    )

    index_from_items: int = Field(
        50_000, ge=0, description="from how many items on the item vectors get an index"
    )
    warm_seconds: float = Field(
        10.0,
        ge=0,
        description="how long the API processes may make answers of a run before it is served",
    )
    retained_runs: int = Field(
        3, ge=1, description="how many published runs are kept to roll back to, with the served one"
    )
    retained_days: float = Field(
        30.0,
        gt=0,
        description="days after its publication a run is dropped even so, unless it is served",
    )

    def list_hyperparameters(self) -> ListHyperparameters:
        """Those of the lists' fit."""
        names = (field.name for field in fields(ListHyperparameters))
        return ListHyperparameters(**{name: getattr(self, name) for name in names})

    def space_parameters(self) -> SpaceParameters:
        """Those of the space."""
        return SpaceParameters(factors=self.live_factors, seed=self.seed)

    def run_parameters(self) -> RunParameters:
        """Those of a run; the weights are the defaults."""
        return RunParameters(self.list_hyperparameters(), self.space_parameters())


class TuneSettings(LayerSettings):
    """How the weekly search for hyperparameters is bounded."""

    model_config = SettingsConfigDict(env_prefix="TANDEM_TUNE_")

    budget_seconds: float = Field(
        1200.0, gt=0, description="how long the search for hyperparameters may take"
    )
    explored_trials: int = Field(
        60, ge=1, description="how many configurations are tried at few factors, at the most"
    )
    verified_trials: int = Field(
        16, ge=1, description="how many are tried at as many factors as the lists have"
    )
    most_factors: int = Field(
        _LISTS.factors, ge=1, le=1999, description="the most factors a configuration may have"
    )
    fewest_judged_users: int = Field(
        100, ge=1, description="with fewer users to judge on a search would follow chance"
    )
    judged_users: int = Field(
        6_000, ge=1, description="users a configuration is judged on at the most, drawn at random"
    )
