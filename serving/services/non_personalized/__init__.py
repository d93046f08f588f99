"""Non-personalized lists: the same for everybody."""
