"""Who owns the home folder."""

import fcntl
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from stack.home import Home, HomeInUseError, HomeUnusableError, find_owner, owning


def _own(home: Home) -> tuple[int, str] | None:
    with owning(home, "tandem load"):
        return find_owner(home)


def test_somebody_who_only_looks_for_the_owner_keeps_nobody_from_owning(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    home.lock_file.touch()
    with ThreadPoolExecutor() as pool:
        with home.lock_file.open() as looking:
            fcntl.flock(looking, fcntl.LOCK_SH)
            owned = pool.submit(_own, home)
            assert not wait([owned], timeout=0.2).done
        owner = owned.result(timeout=10)
    assert owner is not None
    assert owner[1] == "tandem load"


def test_a_second_owner_is_told_who_the_first_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with (
        owning(home, "tandem load"),
        pytest.raises(HomeInUseError, match=r"tandem load \(pid \d+\)"),
        owning(home, "tandem up"),
    ):
        pass
    assert find_owner(home) is None


def test_a_home_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    taken = tmp_path / "a-file"
    taken.write_text("")
    with pytest.raises(HomeUnusableError, match="TANDEM_HOME"):
        Home(taken).make()
