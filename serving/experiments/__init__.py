"""Experiments: which of several arms a user is in, and what each arm is worth."""
