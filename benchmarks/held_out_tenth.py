"""The newest tenth of each user held out from a real night: what the API's answers foresee of it.

python -m benchmarks held-out-tenth --data FOLDER [--liked-from 4] [--json]

Of each user's n interactions the newest n // 10 are held out, one at least of a user with 10, none
of one with fewer. The rest is loaded into a PostgreSQL of our own, a night is run and published,
and the API is asked for 20 items of every user of whom something is held out.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.command import Data, run_command
from benchmarks.loaded_files import progress
from benchmarks.newest_tenth import (
    DEPTH,
    HeldOut,
    Items,
    hold_out_newest_tenth,
    most_used,
    scored,
    unseen,
)
from benchmarks.own_night import Answer, OnStep, own_night
from stack.cli.options import AsJson

ANY, LIKED = "any item next", "liked"
_REPORT_EVERY = 500


@dataclass(frozen=True, slots=True)
class MeasuredAnswers:
    """The lists of the users of whom something is held out."""

    held_out: HeldOut
    answers: Mapping[str, Answer]
    nightly: Items
    popular: Items
    """The popular list as it is served, which is of the newest likings, without the user's own."""

    def figures(self) -> dict[str, dict[str, dict[str, float]]]:
        """By list the mean nDCG@20 of any held-out item and, with ratings, of those liked."""
        answered = {user_id: answer.item_ids for user_id, answer in self.answers.items()}
        lists: dict[str, Items] = {
            "answers": answered,
            "nightly": self.nightly,
            "popular": self.popular,
            "most used": unseen(most_used(self.held_out.kept), self.held_out.kept, self.answers),
        }
        asked = {ANY: self.held_out.wanted, LIKED: self.held_out.liked or {}}
        return {
            name: {what: scored(of_list, wanted) for what, wanted in asked.items() if wanted}
            for name, of_list in lists.items()
        }

    def seen_shown(self) -> int:
        """How many items were shown to users who had used them."""
        return sum(
            len(set(answer.item_ids) & set(self.held_out.kept.get(user_id, ())))
            for user_id, answer in self.answers.items()
        )

    def described(self) -> dict[str, object]:
        """For programs."""
        return {
            **self.figures(),
            "users": len(self.held_out.wanted),
            "users_with_liked": len(self.held_out.liked or {}),
            "users_with_nightly_list": len(self.held_out.wanted.keys() & self.nightly.keys()),
            "strategies": dict(Counter(answer.strategy for answer in self.answers.values())),
            "exclusions": dict(Counter(answer.exclusions for answer in self.answers.values())),
            "seen_shown": self.seen_shown(),
        }


def measure_answers(data: Path, liked_from: float, on_step: OnStep) -> MeasuredAnswers:
    """Hold out, load, run a night, and ask for every user of whom something is held out."""
    with tempfile.TemporaryDirectory(prefix="tandem-rest-") as rest:
        on_step(f"holding out the newest tenth of each user of {data}")
        held_out = hold_out_newest_tenth(data, Path(rest), liked_from)
        with own_night(Path(rest), on_step) as night:
            on_step(f"asking for {len(held_out.wanted):,} users")
            answers = {}
            for asked, user_id in enumerate(held_out.wanted, start=1):
                answers[user_id] = night.answer(user_id, DEPTH)
                if asked % _REPORT_EVERY == 0:
                    on_step(f"{asked:,} users")
            nightly, popular = night.nightly_lists(DEPTH), night.popular()
    return MeasuredAnswers(
        held_out, answers, nightly, unseen(popular, held_out.kept, held_out.wanted)
    )


def held_out_tenth(
    *,
    data: Data,
    liked_from: Annotated[
        float, typer.Option(help="The least rating, on the file's scale, of what a user liked.")
    ] = 4.0,
    as_json: AsJson = False,
) -> int:
    """Score the API's default answers, the nightly lists and the popular one on what came next."""
    with progress() as on_step:
        measured = measure_answers(data, liked_from, on_step)
    if as_json:
        typer.echo(json.dumps(measured.described()))
    else:
        _print_report(measured, liked_from)
    return 0


def _print_report(measured: MeasuredAnswers, liked_from: float) -> None:
    figures = measured.figures()
    titles = {ANY: ANY, LIKED: f"rated {liked_from:g} or more"}
    asked = list(figures["answers"])
    table = Table(f"nDCG@{DEPTH}", *(titles[what] for what in asked), box=None)
    for name, reached in figures.items():
        table.add_row(name, *(_format_interval(reached[what]) for what in asked))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    described = measured.described()
    console.print(
        f"\n{described['users']:,} users, {described['users_with_nightly_list']:,} with a nightly"
        f" list; strategies {described['strategies']}, exclusions {described['exclusions']};"
        f" {described['seen_shown']} items shown to who had used them. 95 % intervals."
    )


def _format_interval(figures: Mapping[str, float]) -> str:
    return f"{figures[f'ndcg@{DEPTH}']:.4f} ({figures['low']:.4f} to {figures['high']:.4f})"


def main() -> None:
    """Measure as the command line says."""
    run_command(held_out_tenth)


if __name__ == "__main__":
    main()
