"""GET /v1/items/{item_id}/similar and GET /v1/similar: items like others."""
