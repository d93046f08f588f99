"""The folder that the API and the loading worker share: whole files, and nothing of others."""

import asyncio
import errno
import os
import shutil
import uuid
from collections.abc import AsyncIterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from domain.errors import InvalidInputError
from serving.runtime.faults import NoRoomError

_BLOCK_BYTES = 1024 * 1024
_FREE_BYTES = 1024 * 1024 * 1024
"""So much of the disk is left to others: PostgreSQL may lie on the same one."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A whole file."""

    name: str
    """In the folder."""
    size_bytes: int


class UploadFolder:
    """Writes files, each of which is there in full or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def store(self, pieces: AsyncIterable[bytes]) -> StoredFile:
        """Write what comes in; when this returns it is on the disk.

        Whatever is raised while it comes in, nothing is left. NoRoomError if the disk is, or would
        soon be, full; InvalidInputError if nothing came.
        """
        draft = _Draft(self._folder)
        loop = asyncio.get_running_loop()
        # All that is done with a file is done by one thread, in this order: whoever gives up while
        # a block is being written has what is there deleted after it.
        writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upload")
        try:
            await loop.run_in_executor(writing, draft.begin)
            waiting = bytearray()
            async for piece in pieces:
                waiting += piece
                if len(waiting) >= _BLOCK_BYTES:
                    await loop.run_in_executor(writing, draft.write, bytes(waiting))
                    waiting.clear()
            await loop.run_in_executor(writing, draft.write, bytes(waiting))
            return await loop.run_in_executor(writing, draft.finish)
        except OSError as error:
            writing.submit(draft.discard)
            if error.errno in _NO_ROOM:
                raise NoRoomError from error
            raise
        except BaseException:
            writing.submit(draft.discard)
            raise
        finally:
            writing.shutdown(wait=False)

    async def delete(self, name: str) -> None:
        """Delete a file; harmless if there is none."""
        with suppress(OSError):
            await asyncio.to_thread((self._folder / name).unlink, missing_ok=True)


class _Draft:
    """One file while it is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = uuid.uuid4().hex
        self._path = folder / self._name
        self._part = folder / f"{self._name}{_UNFINISHED}"
        self._file: FileIO | None = None
        self._size_bytes = 0

    def begin(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = FileIO(descriptor, "w")

    def write(self, block: bytes) -> None:
        assert self._file is not None  # noqa: S101 -- begun
        if shutil.disk_usage(self._folder).free - len(block) < _FREE_BYTES:
            raise NoRoomError
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._size_bytes += len(block)

    def finish(self) -> StoredFile:
        assert self._file is not None  # noqa: S101 -- begun
        if not self._size_bytes:
            raise InvalidInputError("The body is empty. Send the file itself as the body.")
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.rename(self._path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return StoredFile(self._name, self._size_bytes)

    def discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        for path in (self._part, self._path):
            with suppress(OSError):
                path.unlink(missing_ok=True)
