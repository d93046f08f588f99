"""/v1/items and /v1/categories: the catalogue, one item at a time and many at once."""
