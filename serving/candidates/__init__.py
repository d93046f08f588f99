"""The sources of candidates: each ranks items for a user, and the blend makes one list of them.

`SOURCES` is all of them. A source is asked if the blend's policy gives it a weight. Sources read
PostgreSQL through statements, know no policy, and never see each other.
"""

from serving.candidates.batch import BatchSource
from serving.candidates.neighbours import NeighboursSource
from serving.candidates.source import CandidateSource
from serving.candidates.speed import SpeedSource

SOURCES: tuple[CandidateSource, ...] = (BatchSource(), NeighboursSource(), SpeedSource())
"""In the order they are asked. The last one searches in any case, and with the same statement the
items that the others found are looked up."""
