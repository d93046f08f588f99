"""Rules that a team sets above what was learned: boost, bury, pin, hide, cap and reserve."""
