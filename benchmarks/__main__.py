"""The benchmarks by name: `python -m benchmarks NAME [options]`.

Each is a script of this folder and can also be run as one. `tandem bench NAME` is the same.
"""

import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent
PROGRAM = "python -m benchmarks"
WRONG_USE = 2
_HELP = {"--help", "-h"}


def scripts() -> dict[str, Path]:
    """The benchmarks by name: the scripts that can be run, and say so by a main block."""
    paths = sorted(FOLDER.glob("[!_]*.py"))
    return {
        path.stem.replace("_", "-"): path
        for path in paths
        if "__main__" in path.read_text(encoding="utf-8")
    }


def main(arguments: Sequence[str], program: str = PROGRAM) -> None:
    """Run the named benchmark as its own script would; exit code 2 if there is none such."""
    name = arguments[0].replace("_", "-") if arguments else ""
    if name in _HELP:
        _print_usage(program)
        return
    script = scripts().get(name)
    if script is None:
        _print_usage(program)
        sys.exit(WRONG_USE)
    sys.argv = [f"{program} {name}", *arguments[1:]]
    sys.exit(import_module(f"benchmarks.{script.stem}").main())


def _print_usage(program: str) -> None:
    print(f"Usage: {program} NAME [OPTIONS]\n\nEach NAME has --help of its own:\n")
    for name, script in scripts().items():
        print(f"  {name:<16}{_first_line(script)}")


def _first_line(script: Path) -> str:
    """What a benchmark measures, without running it."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    main(sys.argv[1:])
