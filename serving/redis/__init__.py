"""The way to Redis, and the answers cached there. Never raises because Redis is away."""
