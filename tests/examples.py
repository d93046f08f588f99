"""How many examples a property has of which each costs a database something."""

import hypothesis

THOROUGH = "thorough"


def examples(number: int) -> int:
    """So many; ten times as many with `--hypothesis-profile thorough`."""
    is_thorough = hypothesis.settings.get_current_profile_name() == THOROUGH
    return 10 * number if is_thorough else number
