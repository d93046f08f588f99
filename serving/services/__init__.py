"""What a recommendation is: the blend, caching policy and fallbacks. Knows no HTTP."""
