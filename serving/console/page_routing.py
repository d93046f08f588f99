"""What routes of the console do alike: errors are pages, and who is not signed in signs in."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse

from domain.errors import TandemError, UnauthenticatedError
from serving.console.pages import Pages, person_of, root_of
from serving.http.errors import in_our_tree, status_of
from serving.http.routing import TandemRoute
from serving.runtime.faults import FaultyInputError

_TITLES = {
    HTTPStatus.FORBIDDEN: "This is not open to you",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.UNPROCESSABLE_ENTITY: "This address says something else than it should",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much at once",
    HTTPStatus.SERVICE_UNAVAILABLE: "Out of reach just now",
}


class ConsoleRoute(TandemRoute):
    """A route whose errors are pages, for a browser that goes there.

    Whatever else asks, as a script of a page does, gets the problem document.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what becomes of errors."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if not _is_visit(request):
                return await handler(request)
            try:
                return await handler(request)
            except UnauthenticatedError:
                return _to_sign_in(request)
            except TandemError as error:
                return _error_page(request, error)
            except RequestValidationError as error:
                return _error_page(request, in_our_tree(error))

        return handle


def _is_visit(request: Request) -> bool:
    """Whether a browser goes to this address, and shows what is answered."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "hx-request" not in request.headers


def _to_sign_in(request: Request) -> Response:
    """The page to sign in on, which leads back; the fragment is sent to no server."""
    query = request.url.query
    wanted = request.scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(
        f"{root_of(request)}/sign-in#next={quote(wanted, safe='')}", HTTPStatus.SEE_OTHER
    )


def _error_page(request: Request, error: TandemError) -> Response:
    status = status_of(error)
    caller = getattr(request.state, "caller", None)
    pages = Pages(request, None if caller is None else person_of(caller))
    title = _TITLES.get(status, "This did not work")
    faults = [fault.detail for fault in error.faults] if isinstance(error, FaultyInputError) else ()
    detail = " ".join(faults or (str(error),))
    return pages.page("error.html", status=status, title=title, detail=detail)
