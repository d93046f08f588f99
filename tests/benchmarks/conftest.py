"""Interactions as the tests of the night have them."""

from tests.batch.conftest import make_interactions

__all__ = ["make_interactions"]
