"""HTTP: parse, call one function, shape the answer. One resource a file."""
