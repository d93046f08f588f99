"""Placements in the database, as the API keeps them."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from serving.access.acting import Actor
from serving.placements.placement_keeping import PlacementKeeping
from stack.local.asked_store import ask_store
from stack.local.home import Home
from stack.person import person_at_the_machine
from stack.settings import StackSettings

Answer = TypeVar("Answer")
Act = Callable[[PlacementKeeping, Actor], Awaitable[Answer]]


def keep_placements(settings: StackSettings, home: Home, act: Act[Answer]) -> Answer:
    """What an act answers, on the stores of the running stack or those that are set up."""
    actor = Actor(person_at_the_machine())
    return ask_store(
        settings, home, "tandem placement", lambda store: act(PlacementKeeping(store), actor)
    )
