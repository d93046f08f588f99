"""The roles of the database by name, for who has no need of a driver; `sql.roles` makes them."""

OWNER = "tandem_owner"
"""Owns the database of a server that is Tandem's alone; elsewhere whoever migrates is the owner."""
APP = "tandem_app"
"""The API, the speed worker and the flows: rows of Tandem's tables, and nothing else."""
ANALYST = "analyst"
"""Reads the views of the schema `analytics`."""
