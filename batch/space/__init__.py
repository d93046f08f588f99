"""The run's one vector space of items, and the live vectors of its users."""
