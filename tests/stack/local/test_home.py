"""Who owns the home folder."""

import fcntl
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from stack.local.home import Home, HomeInUseError, HomeUnusableError, find_owner, owning


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


def _modes(folder: Path) -> dict[str, int]:
    paths = (folder, *folder.rglob("*"))
    return {str(path.relative_to(folder)): path.lstat().st_mode & 0o777 for path in paths}


def test_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with owning(home, "tandem load"):
        assert not [name for name, mode in _modes(home.directory).items() if mode & 0o077]


def test_a_home_that_was_open_to_all_is_closed_by_the_next_owner(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    for file in (home.log("api"), home.prefect / "prefect.db", home.state_file):
        file.write_text("")
        file.chmod(0o644)
    outside = tmp_path.parent / "outside"
    outside.write_text("")
    outside.chmod(0o644)
    (home.prefect / "link").symlink_to(outside)
    for folder in (home.directory, home.log("api").parent, home.prefect):
        folder.chmod(0o755)
    with owning(home, "tandem load"):
        modes = _modes(home.directory)
    assert modes.pop("prefect/link") == 0o777
    assert not [name for name, mode in modes.items() if mode & 0o077]
    assert outside.stat().st_mode & 0o777 == 0o644
    assert home.state_file.stat().st_mode & 0o777 == 0o600


def test_somebody_who_is_refused_the_home_changes_nothing_of_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with owning(home, "tandem up"):
        # As it is while the account of the embedded PostgreSQL may go through.
        home.directory.chmod(0o710)
        with pytest.raises(HomeInUseError), owning(home, "tandem load"):
            pass
        assert home.directory.stat().st_mode & 0o777 == 0o710
