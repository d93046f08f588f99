"""The queue of uploads: a row for each whole file, from which the loading worker takes them."""

import json
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from serving.access.acting import Actor
from serving.loads.upload_folder import UploadFolder
from serving.postgres.store import WriteStore
from serving.runtime.budget import RequestBudgets
from serving.runtime.faults import FileGoneError, UnknownLoadError
from sql.statements import statements
from sql.waiting_uploads import KEPT_SECONDS

_UPLOADS = statements("uploads")

MOST_LISTED = 100


class UploadQueue:
    """Takes files in and says what became of them. Loads are known by the number of the upload."""

    def __init__(self, store: WriteStore, folder: UploadFolder, budgets: RequestBudgets) -> None:
        self._store = store
        self._folder = folder
        self._budgets = budgets

    async def add(
        self,
        pieces: AsyncIterable[bytes],
        filename: str,
        options: Mapping[str, Any],
        *,
        is_preview: bool,
        uploaded_by: str,
    ) -> Row[Any]:
        """Write a file as it comes in, and queue it once it is there in full."""
        file = await self._folder.store(pieces)
        # It took its time to come in: from here on the time is ours.
        self._budgets.begin("admin")
        queued = {
            "filename": filename,
            "file": file.name,
            "bytes": file.size_bytes,
            "options": json.dumps(options),
            "is_preview": is_preview,
            "uploaded_by": uploaded_by,
        }
        try:
            rows = await self._store.write(_UPLOADS["queue_upload"], queued)
        except BaseException:
            # Should the row be there nevertheless, the worker says that its file is not.
            await self._folder.delete(file.name)
            raise
        return await self.find(rows[0].upload_id)

    async def add_again(
        self, upload_id: int, options: Mapping[str, Any], *, is_preview: bool
    ) -> Row[Any]:
        """Queue a file again that is still kept; FileGoneError if it is not."""
        queued = {
            "upload_id": upload_id,
            "options": json.dumps(options),
            "is_preview": is_preview,
            "kept_seconds": KEPT_SECONDS,
        }
        rows = await self._store.write(_UPLOADS["requeue_upload"], queued)
        upload = await self.find(upload_id)
        if not rows:
            raise FileGoneError(
                f"Load {upload_id} is {upload.state}. What can be sent again with other options is"
                " a preview, or a load that failed, within a day after its end."
            )
        return upload

    async def undo(self, upload_id: int, actor: Actor) -> Row[Any]:
        """Have all taken back that it added; harmless twice."""
        parameters = {"upload_id": upload_id, **actor.doing("undo load")}
        await self._store.write(_UPLOADS["ask_to_undo_upload"], parameters)
        return await self.find(upload_id)

    async def find(self, upload_id: int) -> Row[Any]:
        """An upload and what became of it; UnknownLoadError if there is none."""
        rows = await self._store.rows(_UPLOADS["find_upload"], {"upload_id": upload_id})
        if not rows:
            raise UnknownLoadError(f"There is no load {upload_id}.")
        return rows[0]

    async def list(self) -> Sequence[Row[Any]]:
        """The newest, newest first."""
        return await self._store.rows(_UPLOADS["list_uploads"], {"most": MOST_LISTED})
