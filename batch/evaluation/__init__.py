"""How well a candidate foresees a held-out future, and whether it is good enough to be served."""
