"""The embedded servers: PostgreSQL with pgvector, and Redis, as foreground processes.

Prepares their folders, starts and stops them, clears away what a killed predecessor left. Knows
nothing of Tandem: who owns the processes decides what they are for.
"""
