"""The store: schema, migrations, named statements and engines.

Reads and writes PostgreSQL. Imports `domain` only. All SQL of the project lives here: what a
database holds in `schema/`, one file a subject; changes of a released schema in `migrations/`;
queries by layer in `queries/<layer>.sql`.
"""
