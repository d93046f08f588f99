"""Users who are forgotten while a run is made: it has read their interactions already."""

from sqlalchemy import Connection

from domain.identifiers import RunId
from sql.statements import statements

_BATCH = statements("batch")


def clear_forgotten(connection: Connection, run_id: RunId) -> int:
    """Remove what the run has written of users forgotten since its cut-off; answers how many rows.

    What was written in bulk has to be committed before. Until the transaction ends nobody is
    forgotten, so a run that is cleared and published in one transaction holds nothing of them. To
    be called before live vectors are stored in that transaction: who forgets a user waits for
    whoever stores that user's vector, and would be waited for here.
    """
    return int(connection.execute(_BATCH["clear_forgotten"], {"run_id": run_id}).scalar_one())
