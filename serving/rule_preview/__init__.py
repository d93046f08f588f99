"""Whom and what rules would touch, before they are saved."""
