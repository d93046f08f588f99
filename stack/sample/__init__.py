"""Well-known films and the viewers who watch them, to try Tandem without data of one's own.

Reads `films.csv`, written by hand for this package; writes nothing: both the items and the events
are returned as Arrow tables. The viewers are simulated from a seed. It imports no other layer.
"""
