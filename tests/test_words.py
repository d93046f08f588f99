"""Names are made of the field's words: private terms stay out of Python and SQL."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("domain", "sql", "batch", "speed", "serving", "loading", "flows", "stack", "benchmarks")
PYTHON = sorted(
    path
    for folder in (*FOLDERS, "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
SQL = sorted(path for folder in ("sql", "tests") for path in (ROOT / folder).rglob("*.sql"))

INSTEAD = {
    "wish": "request",
    "partly": "incomplete",
    "knows all": "covers",
    "remembered": "cached, or exclusions",
    "remembering": "warming",
    "hearing": "subscription",
    "deaf": "disconnected",
    "news": "changes, or notifications",
    "told": "reported, payload, or to_dict()",
    "tell": "report, notify, or print",
    "telling": "report, notify, or print",
    "leave for all": "replica grant",
    "owe": "pending",
    "owed": "pending",
    "insist": "ask_with_retry",
    "ask anyway": "ask_unchecked",
    "unsteady": "flapping",
    "given up": "abandoned",
    "giving up": "abandon",
    "early look": "hedged read",
    "first sight": "startup probe",
    "grounds": "inputs",
    "placer": "cold item embedder",
    "placing": "embedding",
    "neutral place": "mean embedding",
    "crowd": "prior",
    "recipe": "hyperparameters",
    "rehearsal": "validation",
    "rehearse": "validate",
    "rung": "fidelity",
    "halvings": "decay_per_year",
    "known after": "pseudo_count",
    "likeness": "similarity",
    "likenesses": "similarities",
    "likers": "users who like",
    "alike pairs": "similar pairs",
    "commonest": "most common",
    "shelf": "list, or non_personalized",
    "shelves": "lists, or non_personalized",
    "give way": "add_deferred",
    "take if fit": "add_if_allowed",
    "lift cap": "relax",
    "made list": "recommendation list",
    "writings": "variants",
    "parted": "compounds",
    "slips": "edit_distance",
    "forgiven": "max_edits",
    "understanding": "query analysis",
    "stating": "preferences",
    "besides": "extra",
    "recategorise": "update_categories",
    "bring up to date": "catch_up",
    "standby": "retained",
    "complaining": "group, or error",
    "disturber": "fault injector",
    "stater": "load generator",
    "asker": "load generator",
    "tally": "counters",
    "said": "what it holds: condition, words, payload, message ...",
    "stamp": "version",
    "unstamped": "unversioned",
}
"""Words that only we understood, in parts as names have them, and what to say."""

VARIABLES = {"one": "the thing's name", "some": "the thing's name", "another": "the thing's name"}
"""Names that say nothing; as parts of longer names they may."""

WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SQL_TEXT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BANNED = re.compile(" (" + "|".join(sorted(INSTEAD, key=len, reverse=True)) + ") ")


SQUEEZED = [word.replace(" ", "") for word in INSTEAD]
UNNAMED = re.compile(
    r"(?:for|as|lambda|[,(*]) *(?:one|some|another)\b|^ *(?:one|some|another) *[:=,]", re.MULTILINE
)


def may_have_faults(text: str) -> bool:
    """False for most files: they need not be parsed."""
    squeezed = text.lower().replace("_", "")
    return UNNAMED.search(text) is not None or any(word in squeezed for word in SQUEEZED)


def parts(name: str) -> str:
    """`_RememberedUsers` and `remembered_users` are both ` remembered users `."""
    return f" {' '.join(WORDS.findall(name)).lower()} "


def faults(name: str) -> Iterator[str]:
    """What is wrong with a name, as advice."""
    if found := BANNED.search(parts(name)):
        yield f"{name}: not {found[1]!r}; say {INSTEAD[found[1]]}"
    if name in VARIABLES:
        yield f"{name}: say {VARIABLES[name]}"


def python_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a module gives: of classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # The name of a test is a sentence.
            if not node.name.startswith("test_"):
                yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr


def sql_names(text: str) -> Iterator[tuple[int, str]]:
    """The words of SQL that are no comment and no text, and the names of statements."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("-- name: "):
            yield number, line.removeprefix("-- name: ")
        for name in IDENTIFIER.findall(SQL_TEXT.sub(" ", line)):
            if name not in VARIABLES:
                yield number, name


def in_file(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if not may_have_faults(text):
        return iter(())
    if path.suffix == ".sql":
        return sql_names(text)
    return python_names(ast.parse(text))


def test_names_are_made_of_words_that_others_know() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in (*PYTHON, *SQL)
        for line, name in in_file(path)
        for fault in faults(name)
    }
    found |= {
        f"{path.relative_to(ROOT)}: {fault}"
        for path in (*PYTHON, *SQL)
        if not path.stem.startswith("test_")
        for fault in faults(path.stem)
    }
    assert not found, "\n".join(["See docs/conventions.md.", *sorted(found)])


@pytest.mark.parametrize(
    "name", ["remembered_users", "RememberedUsers", "_REMEMBERED", "load_item_news", "one"]
)
def test_a_private_word_is_found_however_it_is_written(name: str) -> None:
    assert list(faults(name))


@pytest.mark.parametrize(
    "name", ["scalar_one", "newspaper", "shelfless", "foretold", "one_off", "HTTPError", "places"]
)
def test_other_words_are_not(name: str) -> None:
    assert not list(faults(name))
