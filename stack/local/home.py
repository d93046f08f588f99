"""The home folder: where everything of one stack lies, and who owns it now."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from domain.errors import StackError

UP = "tandem up"
"""How the owner is called while the stack runs."""

_PRIVATE = 0o700
_OF_OTHERS = 0o077


class HomeInUseError(StackError):
    """Another Tandem command owns the home folder."""


class HomeUnusableError(StackError):
    """The home folder cannot be made."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths of one stack."""

    directory: Path
    """Absolute."""

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "postgres"

    @property
    def redis(self) -> Path:
        """Redis's working folder."""
        return self.directory / "redis"

    @property
    def prefect(self) -> Path:
        """PREFECT_HOME: Prefect's database and settings."""
        return self.directory / "prefect"

    @property
    def nights(self) -> Path:
        """What a night need not hold in memory; empty while there is none."""
        return self.directory / "nights"

    @property
    def state_file(self) -> Path:
        """What runs, for `tandem status` and for the next start."""
        return self.directory / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the command that owns the folder; names its process."""
        return self.directory / "owner.lock"

    @property
    def first_key_file(self) -> Path:
        """The API key made by the first start, mode 0600."""
        return self.directory / "first_key"

    @property
    def diagnose_key_file(self) -> Path:
        """The API key `tandem diagnose` asks with, mode 0600."""
        return self.directory / "diagnose_key"

    @property
    def placement_key_file(self) -> Path:
        """The API key `tandem placement preview` asks with, mode 0600."""
        return self.directory / "placement_key"

    @property
    def signing_keys_file(self) -> Path:
        """The keys that tokens are signed with, mode 0600."""
        return self.directory / "signing_keys.json"

    @property
    def prefect_password_file(self) -> Path:
        """The password of the Prefect server, mode 0600."""
        return self.directory / "prefect.password"

    @property
    def prefect_asked_file(self) -> Path:
        """Its time is when somebody last asked the Prefect server."""
        return self.directory / "prefect.asked"

    @property
    def prefect_rest_file(self) -> Path:
        """While Prefect rests: until when, and what is due next."""
        return self.directory / "prefect.rest.json"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.directory / "logs" / f"{name}.log"

    def make(self) -> None:
        """Create the folders that are missing; HomeUnusableError if that cannot be done."""
        try:
            self.directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            for directory in (self.directory / "logs", self.prefect):
                directory.mkdir(mode=_PRIVATE, exist_ok=True)
        except OSError as error:
            raise HomeUnusableError(
                f"{self.directory} cannot hold the data: {error.strerror}. Name another folder"
                " with TANDEM_HOME."
            ) from error

    def make_private(self) -> None:
        """Close to all other accounts what an earlier version, or somebody, left open to them.

        To be called by the owner, and before the embedded PostgreSQL is started, which may have to
        let its own account in again. PostgreSQL looks after its data directory itself. Raises
        HomeUnusableError if that cannot be done.
        """
        try:
            self.directory.chmod(_PRIVATE)
            for folder in (self.directory / "logs", self.prefect, self.redis):
                for path in (folder, *folder.rglob("*")):
                    _close(path)
            for path in self.directory.iterdir():
                if not path.is_dir():
                    _close(path)
        except OSError as error:
            raise HomeUnusableError(
                f"{error.filename or self.directory} cannot be made private: {error.strerror}."
                " Let it belong to the account that runs Tandem, or name another folder with"
                " TANDEM_HOME."
            ) from error


@contextmanager
def owning(home: Home, command: str) -> Iterator[None]:
    """Own the folder for the time of the block, even if this process is killed in it.

    Raises HomeInUseError, which names the owner, if another process does.
    """
    home.make()
    with home.lock_file.open("a+") as lock:
        while not _locked(lock):
            owner = find_owner(home)
            # Without an owner somebody else only looks whether there is one.
            if owner is not None:
                raise HomeInUseError(_in_use(home, *owner))
        lock.truncate(0)
        lock.write(f"{os.getpid()} {command}")
        lock.flush()
        home.make_private()
        yield
        lock.truncate(0)


def find_owner(home: Home) -> tuple[int, str] | None:
    """Process number and command of the owner; None if nobody owns the folder."""
    try:
        lock = home.lock_file.open()
    except FileNotFoundError:
        return None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, _, command = lock.read().partition(" ")
            return (int(pid), command) if pid else None
        return None


def is_up(home: Home) -> bool:
    """Whether a `tandem up` owns the folder."""
    owner = find_owner(home)
    return owner is not None and owner[1] == UP


def _close(path: Path) -> None:
    """Take from other accounts what they may do with a file or folder that is there."""
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not path.is_symlink() and mode & _OF_OTHERS:
            path.chmod(mode & ~_OF_OTHERS)
    except FileNotFoundError:
        return


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_use(home: Home, pid: int, command: str) -> str:
    if command == UP:
        return f"Tandem already runs in {home.directory} (pid {pid}). Stop it with: tandem down"
    return f"{command} (pid {pid}) is working in {home.directory}; wait until it has ended."
