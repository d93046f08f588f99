"""What `tandem up` has in memory for as long as the stack runs, and a command before it begins."""

from tests.programs import printed_by

LARGE = ("sqlalchemy", "pandas", "numpy", "pyarrow", "duckdb", "fastapi", "psycopg", "redis")


def test_the_supervisor_imports_no_large_library() -> None:
    program = f"import sys, stack.cli.up; print([n for n in {LARGE} if n in sys.modules])"
    assert printed_by(program).strip() == "[]"


def test_the_command_of_a_night_starts_its_process_before_it_imports_a_large_library() -> None:
    program = f"import sys, stack.cli.nightly; print([n for n in {LARGE} if n in sys.modules])"
    assert printed_by(program).strip() == "[]"
