"""Placements: what is decided for the lists of one place in an app, and all versions of it."""
