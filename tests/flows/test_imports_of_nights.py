"""What a night does without: each of these takes time before it can begin."""

import re
from pathlib import Path

from tests.programs import printed_by

ROOT = Path(__file__).parents[2]


def test_a_night_does_not_import_what_only_tuning_needs() -> None:
    program = "import sys, flows.nightly; print('optuna' in sys.modules)"
    assert printed_by(program).strip() == "False"


def test_no_lock_has_the_grammar_that_everything_with_prefect_would_compile_at_its_start() -> None:
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"^jsonschema==", locked, re.MULTILINE)
    assert not re.search(r"^rfc3987", locked, re.MULTILINE)
