"""/v1/users/{user_id}/preferences: what a user wants more or less of."""
