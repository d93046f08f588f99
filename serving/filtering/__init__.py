"""The language of `filter`: what a request asks of items, as text."""
