"""Building damaged and missing vector indexes anew, beside all that goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from batch.runs.model_runs import store_metrics
from batch.space.index import (
    DEPTH,
    ITEM_VECTORS,
    SIMILARITY_EMBEDDINGS,
    Indexed,
    index_recall,
)
from domain.errors import RepairRefusedError, TandemError
from domain.identifiers import RunId
from sql.engine import reason_of
from sql.locks import INDEX_REPAIR, session_lock
from sql.statements import statements

_INDEX = statements("index")

_PROBED = 20
"""How many vectors are looked for to see whether an index can be read."""
_MEASURED = 200
_LOST = 0.5
"""An index that finds less than this share of what it once found has lost items."""
_UNDEFINED_TABLE = "42P01"
_INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True)
class RunIndex:
    """An index that a kept run was published with."""

    run_id: RunId
    table_name: str
    column_name: str
    name: str
    dimensions: int
    recall: float
    """As it was measured when it was built."""
    served: bool
    usable: bool
    """False: it is gone, or was never finished."""

    @property
    def indexed(self) -> Indexed:
        """What it is an index of."""
        return ITEM_VECTORS if self.column_name == "embedding" else SIMILARITY_EMBEDDINGS

    @property
    def metric(self) -> str:
        """What its recall is called among the run's figures."""
        of = "index" if self.column_name == "embedding" else "similarity"
        return f"{of}_recall@{DEPTH}"


def load_indexes(engine: Engine) -> list[RunIndex]:
    """The indexes that all kept runs should have, those of the served run first."""
    with engine.connect() as connection:
        return [RunIndex(*row) for row in connection.execute(_INDEX["load_run_indexes"])]


def find_fault(engine: Engine, index: RunIndex) -> str | None:
    """Why an index must be built anew, in words; None: it is well."""
    if not index.usable:
        return "it is gone or was never finished"
    try:
        recall = _recall(engine, index, _PROBED)
    except DBAPIError as error:
        if reason_of(error) != "damaged":
            raise
        return f"PostgreSQL cannot read it: {str(error.orig).partition(chr(10))[0]}"
    if recall < _LOST * index.recall:
        return f"it finds {recall:.0%} of the exact answer, and once found {index.recall:.0%}"
    return None


def rebuild(engine: Engine, index: RunIndex) -> float:
    """Build an index anew without stopping anything; how much of the exact answer it finds.

    Harmless twice. Killed half-way it leaves an index that nobody uses, and that the next repair
    removes. TandemError if the run is no longer kept, RepairRefusedError if whoever asks does not
    own the tables.
    """
    with engine.connect() as connection:
        asked = {
            "name": index.name,
            "table_name": index.table_name,
            "column_name": index.column_name,
            "dimensions": index.dimensions,
        }
        written = connection.execute(_INDEX["write_rebuilding"], asked).one()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            for statement in written:
                connection.execute(text(statement))
        except ProgrammingError as error:
            refusal = _refusal(error, index.run_id)
            if refusal is None:
                raise
            raise refusal from error
    recall = _recall(engine, index, _MEASURED)
    with engine.begin() as connection:
        store_metrics(connection, index.run_id, {index.metric: recall})
    return recall


def format_progress(engine: Engine) -> str | None:
    """How far PostgreSQL is with the index it builds just now; None: it builds none."""
    with engine.connect() as connection:
        row = connection.execute(_INDEX["find_building"]).first()
    if row is None:
        return None
    done, total = row.tuples_done, row.tuples_total
    if not total:
        done, total = row.blocks_done, row.blocks_total
    return f"{row.phase}, {done / total:.0%}" if total else str(row.phase)


@contextmanager
def repairing(engine: Engine) -> Iterator[None]:
    """Let nobody else repair for the time of the block; RepairRefusedError if somebody does."""
    with engine.connect() as connection:
        session = connection.execution_options(isolation_level="AUTOCOMMIT")
        with session_lock(session, INDEX_REPAIR) as is_held:
            if not is_held:
                raise RepairRefusedError(
                    "Another repair of indexes is under way. Wait for it to end."
                )
            yield


def _refusal(error: ProgrammingError, run_id: RunId) -> TandemError | None:
    """What is reported of an index that could not be built; None: the mistake is ours."""
    state = getattr(error.orig, "sqlstate", None)
    if state == _UNDEFINED_TABLE:
        return TandemError(f"Run {run_id} was dropped meanwhile. See `tandem runs`.")
    if state == _INSUFFICIENT_PRIVILEGE:
        return RepairRefusedError(
            "Only the owner of the tables builds indexes. Name that role too:"
            " DATABASE_OWNER_URL=postgresql://owner:password@host/database"
        )
    return None


def _recall(engine: Engine, index: RunIndex, sample: int) -> float:
    with engine.connect() as connection:
        return index_recall(connection, index.run_id, index.dimensions, sample, index.indexed)
