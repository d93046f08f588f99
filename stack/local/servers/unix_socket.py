"""A private folder whose path suits a Unix socket."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

# Linux takes 107 bytes, macOS 103.
LONGEST_SOCKET_PATH_BYTES = 103


def socket_directory(beside: Path, socket_name: str, owner: int) -> Path:
    """Choose the folder for `socket_name`: `beside` itself if its path suits, else a 0700 folder.

    That folder lies in the temporary folder and is named by a hash of `beside`, so it is the same
    after a restart. `owner` is the user number the server runs as. Raises PermissionError if the
    folder is somebody else's and OSError if its path does not suit either.
    """
    if _suits(beside / socket_name):
        return beside
    name = "tandem-" + hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()).resolve() / name
    if not _suits(directory / socket_name):
        raise OSError(f"no folder suits {socket_name}; set TMPDIR to a short path without commas")
    _make_private(directory, owner)
    return directory


def _suits(path: Path) -> bool:
    # In a connection string a comma separates hosts, and a socket's folder stands there as a host.
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES and "," not in str(path)


def _make_private(directory: Path, owner: int) -> None:
    try:
        directory.mkdir(mode=0o700)
        if owner != os.geteuid():
            os.chown(directory, owner, -1)
    except FileExistsError:
        pass
    found = directory.lstat()
    # Anybody may write to the temporary folder: a folder of this name may be a trap.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise PermissionError(
            f"{directory} must be a folder of user number {owner} with mode 0700; "
            f"remove it and start again"
        )
