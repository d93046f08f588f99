"""HTTP as all routes have it: errors, paths, bodies, names and values. Knows no feature."""
