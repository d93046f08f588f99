"""What libpq may be told by somebody's environment; any of it keeps it from the embedded server."""

STRANGERS = {
    "PGHOST": "203.0.113.1",
    "PGHOSTADDR": "203.0.113.1",
    "PGPORT": "1",
    "PGSERVICE": "nowhere",
    "PGSERVICEFILE": "/nowhere/pg_service.conf",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGSSLMODE": "verify-full",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTARGETSESSIONATTRS": "read-only",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATA": "/nowhere/data",
}
