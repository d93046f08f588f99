"""`tandem completion`: what real shells then offer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import LONGEST_SECONDS

TANDEM = Path(sys.executable).with_name("tandem")

ASK_BASH = """
source <({tandem} completion bash)
COMP_LINE="$LINE"; COMP_POINT=${{#LINE}}
read -r -a COMP_WORDS <<< "$LINE"; [[ "$LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
$(complete -p tandem | sed -E 's/.*-F (\\S+).*/\\1/') {tandem}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
"""What bash does when the key for it is pressed after LINE."""

OFFERED = [
    ("tandem ru", ["runs"]),
    ("tandem runs s", ["show"]),
    ("tandem load --s", ["--scale", "--separator", "--split"]),
    ("tandem export events --format ", ["csv", "jsonl", "parquet"]),
    ("tandem completion ", ["bash", "zsh", "fish"]),
]


def asked(*command: str, line: str) -> list[str]:
    environment = os.environ | {"LINE": line, "PATH": f"{TANDEM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_bash_completes_commands_options_and_values(line: str, offered: list[str]) -> None:
    assert asked("bash", "-c", ASK_BASH.format(tandem=TANDEM), line=line) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("line", "offered"), OFFERED)
def test_fish_completes_commands_options_and_values(line: str, offered: list[str]) -> None:
    script = 'tandem completion fish | source; complete --do-complete "$LINE" | cut -f 1'
    assert sorted(asked("fish", "--no-config", "-c", script, line=line)) == sorted(offered)


def test_zsh_is_given_a_script_that_it_can_read() -> None:
    script = subprocess.check_output(
        [TANDEM, "completion", "zsh"], text=True, timeout=LONGEST_SECONDS
    )
    assert script.startswith("#compdef tandem")
    if zsh := shutil.which("zsh"):
        subprocess.run([zsh, "-n", "-c", script], check=True, timeout=LONGEST_SECONDS)


def test_asking_for_options_imports_no_other_command() -> None:
    ask = (
        "import atexit, sys; from stack import entry; sys.argv = ['tandem'];"
        " atexit.register(lambda: print(sorted({'pandas', 'prefect'} & set(sys.modules))));"
        " entry.main()"
    )
    words = {"_TANDEM_COMPLETE": "complete_bash", "COMP_WORDS": "tandem runs --", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", ask],
        env=os.environ | words,
        capture_output=True,
        text=True,
        check=True,
        timeout=LONGEST_SECONDS,
    )
    assert done.stdout.splitlines() == ["--json", "--help", "[]"]
