"""GET /v1/popular, /v1/trending, /v1/latest and /v1/starter: the same for everybody."""
