"""`tandem bench replay`: the replay of a public log, without any server."""

from pathlib import Path

from stack.commands.replay import run_bench
from stack.home import Home
from stack.settings import StackSettings


def run(
    _settings: StackSettings,
    _home: Home,
    *,
    events_file: Path,
    nights: int,
    sample: int,
    seed: int,
    as_json: bool,
) -> int:
    """Replay a file with the parameters of the settings."""
    return run_bench(
        events_file=events_file, nights=nights, sample=sample, seed=seed, as_json=as_json
    )
