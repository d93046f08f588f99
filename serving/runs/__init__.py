"""The model run being served, and its vector indexes."""
