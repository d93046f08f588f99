"""GET /v1/search: the catalogue by words, by what they mean, and for whoever searches."""
