"""The account PostgreSQL runs as when Tandem is started by root, which PostgreSQL refuses."""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT_NAME = "pgserver"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """User and group numbers of an unprivileged account."""

    user: int
    group: int

    def popen_options(self) -> dict[str, Any]:
        """Make options of `subprocess.Popen`: run as this account, in none of root's groups."""
        return {"user": self.user, "group": self.group, "extra_groups": []}


def service_account(data_directory: Path) -> ServiceAccount | None:
    """Find the account to run PostgreSQL as; None means the current user.

    Only root needs one: whoever owns the data already, else the system account `pgserver`, which is
    made if missing. Raises RuntimeError if it cannot be made.
    """
    if os.geteuid() != 0:
        return None
    if data_directory.exists() and (owner := data_directory.stat()).st_uid != 0:
        return ServiceAccount(owner.st_uid, owner.st_gid)
    entry = _find_account()
    if entry is None:
        with _one_at_a_time():
            entry = _find_account() or _make_account()
    return ServiceAccount(entry.pw_uid, entry.pw_gid)


def give_to(account: ServiceAccount, directory: Path) -> None:
    """Make the account own the directory and everything in it."""
    for path in (directory, *directory.rglob("*")):
        os.chown(path, account.user, account.group, follow_symlinks=False)


def let_in(account: ServiceAccount, directory: Path) -> None:
    """Let the account traverse (not list, not read) a private folder of root, and nobody else.

    A folder that anybody may traverse stays as it is.
    """
    found = directory.stat()
    if found.st_mode & stat.S_IXOTH:
        return
    os.chown(directory, -1, account.group)
    directory.chmod(stat.S_IMODE(found.st_mode) & ~stat.S_IRWXG | stat.S_IXGRP)


def make_reachable(path: Path) -> None:
    """Let other accounts traverse (not list, not read) those parents that do not allow it yet."""
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two processes must not both make it: `useradd` looks for the name before it locks."""
    lock = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _find_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        return None


def _make_account() -> pwd.struct_passwd:
    options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    try:
        subprocess.run(  # noqa: S603 - constants only
            [shutil.which("useradd") or "useradd", *options, ACCOUNT_NAME],
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise RuntimeError(
            f"PostgreSQL does not run as root, and the account {ACCOUNT_NAME} could not be made "
            f"({reason}). Make it with your system's tools, or start Tandem as an ordinary user."
        ) from error
    return pwd.getpwnam(ACCOUNT_NAME)
