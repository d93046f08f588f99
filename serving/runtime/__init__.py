"""What all of a process stands on: budgets, breakers, tasks, metrics, logs, faults."""
