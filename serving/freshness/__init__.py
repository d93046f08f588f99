"""How soon lists follow users, measured by a canary through the same doors as every app."""
