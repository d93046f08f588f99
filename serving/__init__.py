"""The serving layer: HTTP in, blended lists out.

Reads the run being served, the live vectors, the catalogue and the log; writes events, items and
impressions, and keeps answers in Redis. Imports `domain` and `sql`, never `batch`, `speed` or
`flows`.

A folder is a feature (`recommendations`, `search`, `events`, …) with its routes, its service and
its statements, or something that features stand on. docs/architecture.md lists them in the order
of their imports. What puts them together lies here, and is imported by none of them.
"""
