"""What documents name exists, and what must be listed is listed."""

import re
from pathlib import Path

import pytest
import yaml

from tests import commands_page, document_blocks, prose
from tests.document_blocks import Block

ROOT = Path(__file__).parent.parent
DECISIONS = ROOT / "docs" / "decisions"
INDEX = DECISIONS / "README.md"
DECIDED = sorted(DECISIONS.glob("[0-9]*.md"))
HEADING = re.compile(r"# \d+[.:]? (.+)")

FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?|\.[\w.-]+)`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("page", DECIDED, ids=lambda page: page.stem)
def test_every_decision_is_in_the_index_with_its_title(page: Path) -> None:
    heading = HEADING.fullmatch(page.read_text(encoding="utf-8").splitlines()[0])
    assert heading, f"{page} must begin with its number and its title"
    row = f"| [{page.stem[:4]}]({page.name}) | {heading[1][0].upper()}{heading[1][1:]} |"
    assert row in INDEX.read_text(encoding="utf-8").splitlines()


def test_no_two_decisions_have_one_number() -> None:
    assert len({page.stem[:4] for page in DECIDED}) == len(DECIDED)


@pytest.mark.parametrize("page", prose.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http:", "https:")):
            continue
        to = page.parent / target if target else page
        assert to.exists(), f"{page.name}: {target}"
        if heading:
            assert heading in anchors(to), f"{page.name}: {target}#{heading}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def test_the_glossary_stays_short_enough_to_be_read() -> None:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("| ")]) - 1 <= 30


def test_the_files_of_a_first_change_exist() -> None:
    named = FILE.findall((ROOT / "docs" / "changing.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for name in named:
        assert (ROOT / name).exists(), name


def test_the_page_of_commands_says_what_they_say_of_themselves() -> None:
    written = commands_page.PAGE.read_text(encoding="utf-8")
    assert written == commands_page.page(), "run: .venv/bin/python -m tests.commands_page"


BLOCKS = [block for page in document_blocks.PAGES for block in document_blocks.blocks(page)]
PROGRAMS = [block for block in BLOCKS if block.language in document_blocks.PROGRAMS]


def test_every_block_says_what_it_is() -> None:
    known = document_blocks.PROGRAMS | document_blocks.SHOWN
    assert len(BLOCKS) > 70
    assert [block for block in BLOCKS if block.language not in known] == []


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: f"{block.page}-{block.language}")
def test_every_program_of_a_document_is_run_by_a_test_or_says_why_not(block: Block) -> None:
    if block.not_run is not None:
        return
    test = block.run_by()
    assert test, f"{block.page}: name the test that runs it in tests/document_blocks.py"
    if test != document_blocks.ON_A_STACK:
        assert f'"{block.page}"' in (ROOT / test).read_text(encoding="utf-8")


def test_hooks_and_continuous_integration_run_what_is_here() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = hooks["repos"]
    assert local["repo"] == "local", "hooks need no network"
    assert {hook["entry"].split()[0] for hook in local["hooks"]} == {
        ".venv/bin/ruff",
        ".venv/bin/mypy",
    }
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    steps = yaml.safe_load(text)["jobs"]["everything"]["steps"]
    programs = ("BROWSER", "KAFKA", "PGBOUNCER", "PROMETHEUS")
    needed = {f"{program}_NEEDED": "1" for program in programs}
    assert steps[-1] == {"run": ".ci/run", "env": needed}
    assert (ROOT / ".ci" / "run").exists()
    assert all(re.fullmatch(r"[\w/-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


@pytest.mark.parametrize("page", prose.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_wrapped_at_100_characters(page: Path) -> None:
    for line in prose.long_lines(page.read_text(encoding="utf-8")):
        pytest.fail(f"run: .venv/bin/python -m tests.prose\n{line}")


def test_wrapping_leaves_tables_code_and_addresses_and_begins_no_list() -> None:
    long = "word " * 30
    kept = f"| {long}|\n```\n{long}\n```\n\n    {long}\n\n# {long}\nhttps://{'x' * 120}\n"
    assert prose.wrapped(kept).split() == kept.split()
    assert prose.wrapped(kept).count("\n") == kept.count("\n")
    x = "x" * 90
    assert prose.wrapped(f"- {x} and yy - zz\n").splitlines() == [f"- {x} and", "  yy - zz"]
