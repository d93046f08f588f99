"""GET /v1/users/{user_id}/recommendations: a list for one user, and what was shown."""
