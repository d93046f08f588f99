"""HTTP: parse, call one function, shape the answer. One resource a file."""

from serving.paths import register_identifiers

register_identifiers()
