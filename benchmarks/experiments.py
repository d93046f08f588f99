"""Whether experiments may be looked at daily: false alarms, coverage, days until decided.

    python -m benchmarks experiments [--experiments 1000] [--days 60] [--daily 400] [--json]

Simulated experiments, each looked at every day, with the outcomes that real users have: clicks of
which most users have none, conversions of 3 %, and money spent with a long tail. A third of them
has no difference (A/A), a third a known one (A/B); the last part loses users in one arm.

Beside it stands the test that is planned for one day, and looked at on no other: how many days a
two-sided z-test of the same level needs for a power of 80 %.
"""

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.command import Seed, run_command
from serving.experiments.ratio_mismatch import mismatch_p_value
from serving.experiments.statistics import difference
from serving.experiments.sums import Sums
from stack.cli.options import AsJson

ALPHA = 0.05
MISMATCH_ALPHA = 0.01
POWER = 0.8
LIFTS = {"clicks": 0.1, "conversion": 0.35, "value": 0.6}
"""How much more users do in the better arm: a planned test needs about three weeks for each."""
LOST = 0.05
"""Share of users of one arm who are lost where the ratio is to be found wrong."""
_NORMAL = statistics.NormalDist()

Floats = NDArray[np.float64]
Outcome = Callable[[np.random.Generator, Floats, float], Floats]
"""Outcomes of users with this inclination, times 1 + lift."""


def clicks(random: np.random.Generator, inclination: Floats, lift: float) -> Floats:
    """Numbers of clicks: about three of four users have none."""
    return random.poisson(0.5 * (1 + lift) * inclination).astype(np.float64)


def conversions(random: np.random.Generator, inclination: Floats, lift: float) -> Floats:
    """Whether a user bought: 3 % do."""
    chance = np.minimum(0.03 * (1 + lift) * inclination, 1.0)
    return (random.random(inclination.shape) < chance).astype(np.float64)


def spent(random: np.random.Generator, inclination: Floats, lift: float) -> Floats:
    """What a user spent: 3 % anything, log-normal about 20."""
    bought = conversions(random, inclination, lift)
    bought[bought > 0] *= random.lognormal(3.0, 1.0, int(bought.sum()))
    return bought


OUTCOMES: Mapping[str, Outcome] = {"clicks": clicks, "conversion": conversions, "value": spent}
MEANS = {"clicks": 0.5, "conversion": 0.03, "value": 0.03 * math.exp(3.5)}


def measure(
    experiments: Annotated[int, typer.Option(min=1, help="How many of each kind.")] = 1_000,
    days: Annotated[int, typer.Option(min=2, help="Of each; every day is a look.")] = 60,
    daily: Annotated[int, typer.Option(min=20, help="Users a day, of both arms.")] = 400,
    seed: Seed = 0,
    *,
    as_json: AsJson = False,
) -> int:
    """Simulate and print."""
    random = np.random.default_rng(seed)
    figures = {name: simulate(random, name, experiments, days, daily // 2) for name in OUTCOMES}
    mismatches = simulate_mismatches(random, experiments, days, daily // 2)
    if as_json:
        print(json.dumps({"outcomes": figures, "ratio_mismatch": mismatches}))
    else:
        _print(figures, mismatches)
    return 0


def simulate(
    random: np.random.Generator, name: str, experiments: int, days: int, daily: int
) -> dict[str, Any]:
    """What `experiments` without and with a difference showed; `daily` users a day in each arm."""
    effect = LIFTS[name] * MEANS[name]
    equal = [Looks(random, name, 0.0, days, daily) for _ in range(experiments)]
    lifted = [Looks(random, name, LIFTS[name], days, daily) for _ in range(experiments)]
    found = [looks.days_until_decided for looks in lifted]
    return {
        "false_alarms": _share(looks.days_until_decided is not None for looks in equal),
        "false_alarms_of_daily_z_tests": _share(looks.any_z_test for looks in equal),
        "coverage_without_difference": _share(looks.always_cover(0.0) for looks in equal),
        "coverage_with_difference": _share(looks.always_cover(effect) for looks in lifted),
        "found_by_the_last_day": _share(day is not None for day in found),
        "days_until_half_are_found": _days_until(found, 0.5),
        "days_until_80_percent_are_found": _days_until(found, POWER),
        "days_of_a_planned_test": _planned_days(lifted, effect, daily),
        "variance_ratio": _mean(looks.last.variance_ratio for looks in lifted),
        "one_less_squared_correlation": _mean(looks.uncorrelated for looks in lifted),
    }


class Looks:
    """One experiment, looked at at the end of every day."""

    def __init__(
        self, random: np.random.Generator, name: str, lift: float, days: int, daily: int
    ) -> None:
        control = _users(random, name, 0.0, (days, daily))
        treatment = _users(random, name, lift, (days, daily))
        tuned_to = days * daily
        self.by_day = [
            difference(first, second, alpha=ALPHA, tuned_to=tuned_to)
            for first, second in zip(_by_day(*control), _by_day(*treatment), strict=True)
        ]
        self.last = self.by_day[-1]
        self.uncorrelated = statistics.fmean(
            1 - np.corrcoef(outcomes.ravel(), earlier.ravel())[0, 1] ** 2
            for outcomes, earlier in (control, treatment)
        )

    @property
    def days_until_decided(self) -> int | None:
        """The first day on which the interval excluded 0."""
        return next((day for day, found in enumerate(self.by_day, 1) if found.is_decided), None)

    @property
    def any_z_test(self) -> bool:
        """Whether a z-test, made every day, would have called it a difference on any."""
        bound = _NORMAL.inv_cdf(1 - ALPHA / 2)
        return any(
            abs(found.mean) > bound * found.deviation / math.sqrt(found.users)
            for found in self.by_day
            if found.is_known
        )

    def always_cover(self, effect: float) -> bool:
        """Whether `effect` was in the interval on every day."""
        return all(found.low <= effect <= found.high for found in self.by_day)


def simulate_mismatches(
    random: np.random.Generator, experiments: int, days: int, daily: int
) -> dict[str, Any]:
    """How often a wrong ratio is found, by daily looks, where it is right and where it is not."""
    right = [_days_until_mismatch(random, days, daily, 0.0) for _ in range(experiments)]
    wrong = [_days_until_mismatch(random, days, daily, LOST) for _ in range(experiments)]
    return {
        "false_alarms": _share(day is not None for day in right),
        "found": _share(day is not None for day in wrong),
        "days_until_half_are_found": _days_until(wrong, 0.5),
    }


def _days_until_mismatch(
    random: np.random.Generator, days: int, daily: int, lost: float
) -> int | None:
    first = random.binomial(2 * daily, 0.5, days)
    kept = random.binomial(2 * daily - first, 1 - lost)
    for day, counts in enumerate(np.cumsum([first, kept], axis=1).T.tolist(), 1):
        if mismatch_p_value([(counts, (0.5, 0.5))]) <= MISMATCH_ALPHA:
            return day
    return None


def _users(
    random: np.random.Generator, name: str, lift: float, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Outcomes and earlier activity of users (days, users a day), who differ in inclination."""
    inclination = random.gamma(0.7, 1 / 0.7, shape)
    earlier = np.log1p(random.poisson(6.0 * inclination))
    return OUTCOMES[name](random, inclination, lift), earlier


def _by_day(outcomes: Floats, earlier: Floats) -> Iterator[Sums]:
    """The sums of all users so far, at the end of each day."""
    columns = (
        np.ones_like(outcomes),
        outcomes != 0,
        outcomes,
        outcomes**2,
        earlier,
        earlier**2,
        outcomes * earlier,
    )
    so_far = np.array([np.cumsum(column.sum(axis=1)) for column in columns])
    return (Sums(*row[:, None]) for row in so_far.T)


def _planned_days(lifted: list[Looks], effect: float, daily: int) -> float:
    """Days after which a z-test, with earlier activity too, finds the effect with `POWER`.

    n = deviation^2 (z_(1 - alpha / 2) + z_power)^2 / effect^2, users of both arms.
    """
    variance = _mean(looks.last.deviation**2 for looks in lifted)
    bounds = _NORMAL.inv_cdf(1 - ALPHA / 2) + _NORMAL.inv_cdf(POWER)
    return round(variance * bounds**2 / effect**2 / (2 * daily), 1)


def _share(outcomes: Iterator[bool]) -> float:
    return round(_mean(float(outcome) for outcome in outcomes), 4)


def _mean(values: Iterator[float]) -> float:
    return round(statistics.fmean(values), 4)


def _days_until(days: list[int | None], share: float) -> int | None:
    """The day by which this share of the experiments was decided; None: it never was."""
    found = sorted(math.inf if day is None else day for day in days)
    last = found[math.ceil(share * len(found)) - 1]
    return int(last) if math.isfinite(last) else None


def _print(figures: Mapping[str, Mapping[str, Any]], mismatches: Mapping[str, Any]) -> None:
    table = Table("", *figures, "ratio mismatch")
    names = next(iter(figures.values()))
    for name in [*names, *(mismatches.keys() - names.keys())]:
        cells = [str(found.get(name, "")) for found in (*figures.values(), mismatches)]
        table.add_row(name.replace("_", " "), *cells)
    Console().print(table)


def main() -> None:
    """Run the command."""
    run_command(measure)


if __name__ == "__main__":
    main()
