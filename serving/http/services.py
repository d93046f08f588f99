"""The services of the app, which a route asks for by type: it knows its own and no other."""

from typing import Any, TypeVar, cast

from fastapi import Depends, Request

Service = TypeVar("Service")


class Services:
    """One service of each type."""

    def __init__(self, *services: object) -> None:
        self._by_type = {type(service): service for service in services}

    def __getitem__(self, kind: type[Service]) -> Service:
        return cast("Service", self._by_type[kind])


def provided(kind: type[Service]) -> Any:
    """A dependency on the app's service of this type."""

    # A coroutine, because FastAPI calls a plain function in a thread.
    async def find(request: Request) -> Service:
        services: Services = request.state.services
        return services[kind]

    return Depends(find)
