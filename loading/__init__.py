"""Bulk loading: what `tandem load`, uploads, scheduled imports and the sample put into the store.

Reads files, archives, standard input and databases with DuckDB; writes `items` and the interaction
log through the SQL function `store_staged_events`, each load under a number by which it is undone.
This package itself imports nothing: the worker that waits for uploads needs no DuckDB.
"""
