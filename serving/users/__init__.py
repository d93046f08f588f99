"""GET, PUT and DELETE /v1/users/{user_id}: profiles, interests, and forgetting."""
