"""The speed layer: interactions in, live vectors out, within milliseconds.

Reads the interaction log, the live run and its item vectors. Writes `user_embeddings` and
`speed_progress`, and drops the cached answers of the users it touched. Imports `domain` and `sql`;
never batch, serving or flows.
"""
