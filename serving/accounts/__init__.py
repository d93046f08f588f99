"""Accounts: people who register and sign in with a password, end users and the team.

Reads and writes `accounts` and what hangs on it; who asks is found out by `serving.access`, which
knows nothing of this.
"""
