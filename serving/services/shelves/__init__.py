"""Shelves: lists that are the same for everybody."""
