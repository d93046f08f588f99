"""What was done: interactions as arrays and as a matrix, and how they are split by time."""
