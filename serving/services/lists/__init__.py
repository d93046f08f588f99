"""A user's list: made, filled, arranged and explained."""
