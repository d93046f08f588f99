"""From a request to an answer, for every kind of list."""
