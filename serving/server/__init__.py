"""The HTTP server itself: what a connection may do, and the processes that answer.

It knows bytes, connections and processes, and nothing of recommendations.
"""
