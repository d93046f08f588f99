"""How users and items are related: whose taste is near, who would like what, what goes together."""
