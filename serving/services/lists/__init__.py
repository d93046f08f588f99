"""A user's list: made, re-ranked, backfilled and explained."""
