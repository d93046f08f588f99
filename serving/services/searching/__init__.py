"""Searching the catalogue, and what is like an item."""
