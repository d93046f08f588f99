"""What each list would have foreseen in the later part of a public log, without any server.

python -m benchmarks replay --events-file FILE [--nights 6] [--sample 4000] [--json]
    [--neighbours 0.2]
"""

import json
from typing import Annotated

import typer
from rich.console import Console

from batch.history.event_file import read_event_file
from batch.replay.foresight import by_segment, figures, segment_sizes
from batch.replay.replaying import POLICIES, ReplaySettings
from benchmarks.command import EventsFile, run_command
from domain.blend import NEIGHBOURS, BlendPolicy
from stack.cli.options import AsJson, Drawing, Foreseen, Nights
from stack.cli.replay import print_replay, replayed_with_progress, seconds_of


def replay(
    *,
    events_file: EventsFile,
    nights: Nights = 6,
    sample: Foreseen = 4_000,
    seed: Drawing = 0,
    neighbours: Annotated[
        float, typer.Option(help="A weight for what the users most like one like.")
    ] = 0.0,
    as_json: AsJson = False,
) -> int:
    """Foresee the later part of a log with each list: popular, batch, speed and the blends.

    HR@20 is the share of the foreseeable interactions: of a user with an earlier one, with an item
    new to the user that somebody had used before the night.
    """
    policies = dict(POLICIES)
    if neighbours:
        policies["fixed + neighbours"] = BlendPolicy(more={NEIGHBOURS: neighbours})
    asked = ReplaySettings(nights=nights, sample=sample, seed=seed, policies=policies)
    replayed = replayed_with_progress(read_event_file(events_file), asked)
    if as_json:
        compared = {name: figures(ranks) for name, ranks in replayed.ranks.items()}
        segments = {"segments": by_segment(replayed), "moments": segment_sizes(replayed)}
        typer.echo(json.dumps({**compared, **segments, **seconds_of(replayed)}))
    else:
        print_replay(Console(soft_wrap=True, highlight=False), replayed)
    return 0


def main() -> None:
    """Measure as the command line says."""
    run_command(replay)


if __name__ == "__main__":
    main()
