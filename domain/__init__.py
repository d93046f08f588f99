"""The words all layers agree on, and the arithmetic that two layers must compute alike.

Everything here is pure and immutable: standard library and numpy only, no input, no output.
A thing belongs here only if two layers must agree on it for an answer to be right.
"""
