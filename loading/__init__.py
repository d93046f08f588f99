"""Bulk loading: what `tandem load` and the sample data put into the store.

Reads MovieLens folders and files of events or items (CSV, JSON lines, Parquet); writes `items` and,
through the SQL function `record_events`, the interaction log. Bad rows go to a rejects file.
"""

from loading.load import load_path, load_tables
from loading.report import LoadReport, Progress

__all__ = ["LoadReport", "Progress", "load_path", "load_tables"]
