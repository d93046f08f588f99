"""What recipes are judged on when times are known: the newest part of the log."""

from batch.judging import Ground, Times
from batch.parameters import ListRecipe
from batch.splitting import sample_users
from batch.trend import trend
from batch.trial import Trial

_POPULARITY_EXPONENTS = (-0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.2)
_TREND_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_HALF_LIVES_DAYS = (2.0, 7.0, 14.0, 30.0)


def time_ground(trial: Trial, default: ListRecipe, most_users: int, seed: int) -> Ground:
    """The held-out future, with the popularity, the trend and its half-life as free scorings."""
    half_lives = sorted({*_HALF_LIVES_DAYS, default.trend_half_life_days})
    users = sample_users(trial.relevant.users(), most_users, seed)
    return Ground(
        trial.past,
        trial.relevant.of_users(users),
        {
            "popularity_exponent": _POPULARITY_EXPONENTS,
            "trend_exponent": _TREND_EXPONENTS,
            "trend_half_life_days": half_lives,
        },
        {
            days: trend(trial.split.past, trial.past.item_nos, trial.split.moment, days)
            for days in half_lives
        },
        Times(trial.split.past, trial.split.moment),
    )
