"""The files of the embedded PostgreSQL: made by initdb all at once or not at all."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from stack.local.servers.binaries import postgres_program
from stack.local.servers.child_process import run_program
from stack.local.servers.service_account import ServiceAccount, give_to

MAJOR_VERSION = "18"
SUPERUSER = "postgres"


def ensure_cluster(
    data_directory: Path, account: ServiceAccount | None, *, durable: bool = True
) -> None:
    """Make the data directory if it is new; in any case leave it to the account, mode 0700.

    Raises RuntimeError if the folder holds something else or another version, or initdb fails.
    """
    if not _is_cluster(data_directory):
        _create_cluster(data_directory, account, durable=durable)
    if account is not None and data_directory.stat().st_uid != account.user:
        give_to(account, data_directory)
    data_directory.chmod(0o700)


def password_file(data_directory: Path) -> Path:
    """Return where the superuser's generated password lies: beside the data directory."""
    return data_directory.with_name(f"{data_directory.name}.password")


def _is_cluster(data_directory: Path) -> bool:
    version_file = data_directory / "PG_VERSION"
    if version_file.exists():
        if (version := version_file.read_text().strip()) != MAJOR_VERSION:
            raise RuntimeError(
                f"{data_directory} is of PostgreSQL {version}, not {MAJOR_VERSION}, which this"
                " version of Tandem brings. Nothing was changed. Carry it over: start the version"
                " of Tandem that made it, dump its database with the pg_dump of PostgreSQL"
                f" {MAJOR_VERSION}, and restore that into a new home (docs/upgrading.md)."
            )
        return True
    if data_directory.exists() and any(data_directory.iterdir()):
        raise RuntimeError(f"{data_directory} holds files, but no PostgreSQL data")
    return False


def _create_cluster(data_directory: Path, account: ServiceAccount | None, *, durable: bool) -> None:
    """Run initdb in a folder beside the data directory, then rename the finished result."""
    prefix = f".{data_directory.name}.new-"
    for remains in data_directory.parent.glob(f"{prefix}*"):
        shutil.rmtree(remains)
    workshop = Path(tempfile.mkdtemp(prefix=prefix, dir=data_directory.parent))
    try:
        password = workshop / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if account is not None:
            give_to(account, workshop)
        _initdb(workshop / "data", password, account, durable=durable)
        password.rename(password_file(data_directory))
        (workshop / "data").rename(data_directory)
        _flush(data_directory.parent)
    finally:
        shutil.rmtree(workshop)


def _initdb(
    data_directory: Path, password: Path, account: ServiceAccount | None, *, durable: bool
) -> None:
    command = [
        str(postgres_program("initdb")),
        f"--pgdata={data_directory}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        # The socket's folder is private; nobody but its owner (and root) reaches it.
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        # An order of texts that no update of the operating system can change under an index.
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--text-search-config=english",
        *([] if durable else ["--no-sync"]),
    ]
    run_program(command, cwd=password.parent, **(account.popen_options() if account else {}))


def _flush(directory: Path) -> None:
    """Make the names in a directory survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
