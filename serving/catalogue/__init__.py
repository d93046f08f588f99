"""GET and PUT /v1/items/{item_id}: the catalogue, one item at a time."""
