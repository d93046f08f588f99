"""Who acts, for the audit log."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and in which request (None: in none)."""

    name: str
    request_id: str | None = None

    def doing(self, act: str) -> dict[str, Any]:
        """The parameters of a statement with the part `audited`."""
        return {"actor": self.name, "act": act, "request_id": self.request_id}


async def find_actor(request: Request) -> Actor:
    """Who acts, as the route's requirement has found out."""
    return Actor(request.state.caller.label, request.state.request_id)


FromActor = Annotated[Actor, Depends(find_actor)]
