"""How often who may ask: token buckets shared through Redis, and what answers say of them."""
