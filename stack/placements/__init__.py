"""Placements from the command line: kept, read from files, and what a file would change."""
