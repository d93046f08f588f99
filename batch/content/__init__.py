"""What the catalogue says of items: their words, as vectors in the space of the others."""
