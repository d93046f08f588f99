"""What is answered when PostgreSQL is away."""
