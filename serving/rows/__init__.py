"""Pages of rows: one answer, one model run, and no item in two rows."""
