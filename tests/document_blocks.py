"""The blocks of code in documents: which there are, and which test runs them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

COMMANDS = {"bash", "console"}
"""`console` is a session: what begins with `$` is a command, and the rest what it wrote."""

PROGRAMS = COMMANDS | {"python", "js", "html", "sql"}
"""What is run, unless a comment before it says why it is not: `<!-- not run: ... -->`."""

SHOWN = {"text", "json", "yaml"}
"""What is looked at."""

ON_A_STACK = "tests/end_to_end/test_shown_commands.py"
"""Runs all commands, but for those of pages that another test runs."""

RUN_BY = {
    ("examples.md", "bash"): "tests/clients/test_examples.py",
    ("examples.md", "python"): "tests/clients/test_examples.py",
    ("examples.md", "js"): "tests/clients/test_examples.py",
    ("preferences.md", "bash"): "tests/clients/test_examples.py",
    ("preferences.md", "python"): "tests/clients/test_examples.py",
    ("python.md", "python"): "tests/clients/test_examples.py",
    ("browser.md", "html"): "tests/serving/test_browser_sdk.py",
    ("questions.md", "sql"): "tests/batch/history/test_analytics.py",
    ("access.md", "python"): ON_A_STACK,
    ("writing.md", "python"): ON_A_STACK,
    ("placements.md", "python"): ON_A_STACK,
    ("kafka.md", "sql"): "tests/serving/kafka/test_shown_queries.py",
}
"""By page and language; commands that are not here are run on a stack."""

_BLOCK = re.compile(
    r"^(?:(?P<before>[^\n]*)\n)?(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = re.compile(r"\s*<!-- not run: (.+) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page, and why no test runs it; None: one does."""

    page: str
    language: str
    code: str
    not_run: str | None

    def run_by(self) -> str | None:
        """The test that runs it; None if none is known."""
        known = RUN_BY.get((self.page, self.language))
        return known or (ON_A_STACK if self.language in COMMANDS else None)

    def commands(self) -> str:
        """A script: what somebody types who follows the page."""
        if self.language == "bash":
            return self.code
        typed = [line.removeprefix("$ ") for line in self.code.splitlines() if line[:2] == "$ "]
        return "\n".join(typed)


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in their order."""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        reason = _NOT_RUN.fullmatch(found["before"] or "")
        yield Block(page.name, found["language"], found["code"], reason and reason[1])
