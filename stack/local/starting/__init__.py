"""From nothing to a first recommendation."""
