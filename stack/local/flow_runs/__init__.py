"""Flows run by a command instead of by schedule, each in a process of its own."""
