"""The benchmarks by name: `python -m benchmarks NAME [options]`.

Each is a script of this folder and can also be run as one.
"""

import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
WRONG_USE = 2


def names() -> list[str]:
    """The scripts that can be run: those that say so by a main block."""
    scripts = FOLDER.glob("[!_]*.py")
    return sorted(script.stem for script in scripts if "__main__" in script.read_text("utf-8"))


def main() -> None:
    """Run the named benchmark as its own script would; exit code 2 if there is none such."""
    if len(sys.argv) < 2 or sys.argv[1] not in names():  # noqa: PLR2004 -- program and name
        print(f"usage: python -m benchmarks NAME [options]\nNAME: {', '.join(names())}")
        sys.exit(WRONG_USE)
    script = FOLDER / f"{sys.argv[1]}.py"
    sys.argv = [str(script), *sys.argv[2:]]
    sys.path.insert(0, str(FOLDER))
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
