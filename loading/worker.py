"""The worker that loads what was uploaded: `python -m loading.worker`.

It looks each second whether there is something to load. If so it starts `loading.uploads` in a
process of its own, so that this one stays small: it loads neither DuckDB nor SQLAlchemy.
"""

import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from loading.settings import LoadingSettings
from sql.environment import refuse_unknown_variables
from sql.waiting_uploads import AWAY_ERRORS, WaitingUploads

log = logging.getLogger("loading.worker")

SIGN_OF_LIFE = ".worker"
"""In the folder of uploads: its time tells that the worker lives."""

_END_SECONDS = 5.0
_LONGEST_REST_SECONDS = 30.0
_TIDY_SECONDS = 600.0
_OLD_SECONDS = 3_600.0
"""A file that is written to is younger."""


class Worker:
    """Waits for uploads, and has them loaded."""

    def __init__(
        self,
        uploads: WaitingUploads,
        folder: Path,
        stopping: threading.Event,
        *,
        poll_seconds: float,
    ) -> None:
        self._uploads = uploads
        self._folder = folder
        self._stopping = stopping
        self._poll_seconds = poll_seconds
        self._tidy_due = 0.0
        self._away = False

    def run(self) -> None:
        """Work until `stopping` is set; an unreachable PostgreSQL is waited for."""
        rest = self._poll_seconds
        while not self._stopping.is_set():
            self._show_life()
            if not self._looked():
                rest = self._poll_seconds
            elif self._load() == 0:
                rest = self._poll_seconds
                continue
            else:
                # Whatever it was, it is not over at once.
                rest = min(2 * rest, _LONGEST_REST_SECONDS)
            self._stopping.wait(rest)

    def _looked(self) -> bool:
        """Whether there is something to load."""
        try:
            if time.monotonic() >= self._tidy_due:
                tidy(self._folder, self._uploads.kept_files())
                self._tidy_due = time.monotonic() + _TIDY_SECONDS
            found = self._uploads.has_upload_to_claim()
        except AWAY_ERRORS as error:
            if not self._away:
                log.warning("postgres is away: %s", error)
            self._away = True
            return False
        self._away = False
        return found

    def _load(self) -> int:
        """The exit code of the process that loads; it is ended with this one."""
        with subprocess.Popen([sys.executable, "-m", "loading.uploads"]) as child:
            while child.poll() is None:
                if self._stopping.wait(self._poll_seconds):
                    _end(child)
                self._show_life()
        return child.returncode

    def _show_life(self) -> None:
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / SIGN_OF_LIFE).touch()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def tidy(folder: Path, kept: frozenset[str]) -> None:
    """Delete files that nobody needs any more, such as half of one whose API process was killed."""
    oldest = time.time() - _OLD_SECONDS
    for path in folder.iterdir():
        if path.name in kept or path.name == SIGN_OF_LIFE or path.stat().st_mtime > oldest:
            continue
        if path.is_dir():
            # The work of an upload that is under way is younger.
            for inner in path.iterdir():
                if inner.stat().st_mtime < oldest - 24 * _OLD_SECONDS:
                    shutil.rmtree(inner, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    refuse_unknown_variables()
    settings = LoadingSettings()
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    uploads = WaitingUploads(settings.database_url.get_secret_value())
    log.info("waiting for uploads in %s", settings.uploads_folder)
    Worker(uploads, settings.uploads_folder, stopping, poll_seconds=settings.poll_seconds).run()


if __name__ == "__main__":
    main()
