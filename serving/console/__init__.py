"""The console: the pages that people of the team look at, made here and kept current by htmx."""
