"""Makes an empty database of Prefect's server: `python -m flows.prefect_template`.

Prefect makes its database by running all its migrations, which takes longer than anything else of a
first start, and then writes down its block types. `make setup` does both once; a new home begins
with a copy of what came of it (`stack.local.prefect_database`).
"""

import asyncio
import tempfile
from pathlib import Path

from prefect.server.database import provide_database_interface
from prefect.server.models.block_registration import run_block_auto_registration
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

from flows.project_folder import prefect_template


def make_template(path: Path) -> None:
    """Make it, whole or not at all; nothing happens if it is there."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder, path.name)
        url = f"sqlite+aiosqlite:///{made}"
        with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: url}):
            asyncio.run(_migrate())
        made.replace(path)


async def _migrate() -> None:
    database = provide_database_interface()
    await database.create_db()
    async with await database.session() as session:
        await run_block_auto_registration(session)
    engine = await database.engine()
    await engine.dispose()


if __name__ == "__main__":
    make_template(prefect_template())
