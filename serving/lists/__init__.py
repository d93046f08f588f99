"""A user's list: blended, re-ranked, backfilled and explained."""
