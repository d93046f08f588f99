"""The store: migrations, named statements, engines and table objects.

Reads and writes PostgreSQL. Imports `domain` only. All SQL of the project lives here: schema in
`migrations/`, queries by layer in `queries/<layer>.sql`, plain inserts through `tables`.
"""
