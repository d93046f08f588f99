"""Replay: the log walked in time order, with a fit every night."""
