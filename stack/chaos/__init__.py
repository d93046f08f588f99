"""Chaos: load on the real processes while a seeded schedule kills, freezes and switches them.

Starts a system of its own in a temporary folder, keeps a ledger of what was acknowledged, and
compares it with what is stored and served. The checker decides by reading the store with statements
of its own; it shares the arithmetic of `domain` with the layers, and no code of serving or batch.
"""
