"""The nightly lists: their fit, the best items of each user, and how they differ."""
