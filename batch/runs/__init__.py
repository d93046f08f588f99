"""Model runs in the store: begun, brought up to date, served, rolled back to and cleared away."""
