"""`tandem export`: to a file that is whole or not there, or to whoever reads standard output."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from stack.cli import app
from tests.programs import LONGEST_SECONDS, program

TANDEM = str(Path(sys.executable).with_name("tandem"))
ITEMS = 5_000


@pytest.fixture(autouse=True)
def catalogue(owned: None, engine: Engine) -> None:
    """More items than a pipe holds."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into items (item_id, title) select n, 'a' || md5(n) || md5('b' || n)"
                " from (select cast(n as text) from generate_series(1, :items) as n) as ids (n)"
            ),
            {"items": ITEMS},
        )


def export(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments])


def test_rows_go_to_standard_output_and_their_number_to_standard_error() -> None:
    result = export("items")
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading == '"item_id","title","categories","description","attributes","available"'
    assert len(rows) == ITEMS
    assert result.stderr.startswith("5,000 rows of items in ")


def test_the_name_of_the_file_says_the_format_unless_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    assert export("items", "--output", str(path)).exit_code == 0
    assert pq.read_metadata(path).num_rows == ITEMS
    assert path.stat().st_mode & 0o777 == 0o600
    refused = export("items", "--output", str(path), "--format", "jsonl")
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert export("items", "--output", str(path), "--format", "jsonl", "--force").exit_code == 0
    assert path.read_text().startswith('{"item_id":"1","title":"a')


def test_an_unknown_name_is_refused_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    result = export("evens", "--output", "out.csv")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "Did you mean events?" in line
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_whoever_reads_no_further_ends_it_quietly(file_format: str) -> None:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with program([TANDEM, "export", "items", "--format", file_format], **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.wait(LONGEST_SECONDS) == 128 + signal.SIGPIPE
        assert process.stderr.read() == b""


def test_parquet_is_not_written_onto_a_terminal() -> None:
    ours, terminal = pty.openpty()
    done = subprocess.run(
        [TANDEM, "export", "items", "--format", "parquet"],
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    os.close(terminal)
    os.close(ours)
    assert done.returncode == 1
    assert "--output" in done.stderr


@pytest.mark.parametrize("killed_by", [signal.SIGINT, signal.SIGKILL])
def test_an_export_that_is_killed_leaves_the_file_as_it_was(
    tmp_path: Path, engine: Engine, killed_by: signal.Signals
) -> None:
    path = tmp_path / "items.csv"
    path.write_text("before")
    command = [TANDEM, "export", "items", "--force", "--output", str(path)]
    with engine.connect() as connection:
        connection.execute(text("lock table items in access exclusive mode"))
        # A test that runs in the background would hand on that SIGINT is ignored.
        with program(
            command,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob(".tandem-export-*/*")):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
            process.send_signal(killed_by)
            assert process.wait(60) != 0
    assert path.read_text() == "before"
    if killed_by is signal.SIGINT:
        assert not list(tmp_path.glob(".tandem-export-*"))
