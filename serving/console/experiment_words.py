"""What pages of experiments call things."""

from collections.abc import Mapping
from typing import Any

from serving.experiments.definition import LESS_IS_BETTER, POPULAR, UNITS

EXPERIMENT_WORDS: Mapping[str, Any] = {
    "states": {
        "draft": ("Draft", ""),
        "running": ("Running", "busy"),
        "stopped": ("Stopped", "warn"),
        "adopted": ("Adopted", "good"),
    },
    "metrics": {
        "clicks": "Clicks",
        "click_through": "Click-through",
        "conversion": "Conversion",
        "value": "Value",
        "dislikes": "Dislikes",
        "returned": "Returned",
    },
    "units": UNITS,
    "less_is_better": LESS_IS_BETTER,
    "popular": POPULAR,
}
"""What templates name them."""
