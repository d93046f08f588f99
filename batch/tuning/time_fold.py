"""What configurations are judged on when times are known: the newest part of the log."""

from batch.evaluation.holdout import Holdout
from batch.history.splitting import sample_users
from batch.history.trend import trend
from batch.parameters import ListHyperparameters
from batch.tuning.judging import EvaluationFold, Times

_POPULARITY_EXPONENTS = (-0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.2)
_TREND_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_HALF_LIVES_DAYS = (2.0, 7.0, 14.0, 30.0)


def time_fold(
    holdout: Holdout, default: ListHyperparameters, most_users: int, seed: int
) -> EvaluationFold:
    """The held-out future, with the popularity, the trend and its half-life as free scorings."""
    half_lives = sorted({*_HALF_LIVES_DAYS, default.trend_half_life_days})
    users = sample_users(holdout.relevant.users(), most_users, seed)
    return EvaluationFold(
        holdout.past,
        holdout.relevant.of_users(users),
        {
            "popularity_exponent": _POPULARITY_EXPONENTS,
            "trend_exponent": _TREND_EXPONENTS,
            "trend_half_life_days": half_lives,
        },
        {
            days: trend(holdout.split.past, holdout.past.item_nos, holdout.split.moment, days)
            for days in half_lives
        },
        Times(holdout.split.past, holdout.split.moment),
    )
