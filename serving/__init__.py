"""The serving layer: HTTP in, blended lists out.

Reads the run being served, the live vectors, the catalogue and the log; writes events, items and
impressions, and keeps answers in Redis. Imports `domain` and `sql`, never `batch`, `speed` or
`flows`.

`routes` parse a request, call one function and shape the answer; `services` know what a
recommendation is; `candidates` are the sources that rank items for a user; `repositories` touch
PostgreSQL and Redis; `schemas` are the bodies.
"""
