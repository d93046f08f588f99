"""Pages and parts of pages, from templates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.access.callers import ROLES, Caller, Role, TeamMember
from serving.access.random_tokens import csrf_token
from serving.access.requirements import find_caller
from serving.accounts.signed_in import session_secret
from serving.console.static_files import version
from serving.console.wording import FILTERS
from serving.pages import CONSOLE_POLICY

_HTML = "text/html; charset=utf-8"

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_TEMPLATES.filters.update(FILTERS)


@dataclass(frozen=True, slots=True)
class Person:
    """Who looks at a page."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether somebody of this role may do what needs that one."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Pages:
    """Makes the pages of one request."""

    request: Request
    person: Person | None
    """None: nobody is known, and what is shown is an error."""

    def page(self, name: str, *, status: int = 200, **shown: Any) -> Response:
        """A page or a part of one from its template; `shown`: what the template names."""
        text = _TEMPLATES.get_template(name).render(**self._given(), **shown)
        headers = {"Content-Security-Policy": CONSOLE_POLICY}
        return Response(text, status, headers, _HTML)

    def url(self, path: str) -> str:
        """The address of a path of ours."""
        return url_maker(self.request)(path)

    def _given(self) -> Mapping[str, Any]:
        secret = session_secret(self.request)
        return {
            "person": self.person,
            "csrf_token": csrf_token(secret) if secret else "",
            "now": datetime.now(UTC),
            "path": self.request.scope["path"].removeprefix(root_of(self.request)),
            "url": url_maker(self.request),
            "static": static_maker(self.request),
        }


def root_of(request: Request) -> str:
    """The path of a proxy that the pages are below; usually empty."""
    root: str = request.scope.get("root_path", "")
    return root


def url_maker(request: Request) -> Callable[[str], str]:
    """Makes addresses of paths of ours."""
    root = root_of(request)
    return lambda path: root + path


def static_maker(request: Request) -> Callable[[str], str]:
    """Makes addresses of static files by their names."""
    root = root_of(request)
    return lambda name: f"{root}/console/static/{name}?v={version(name)}"


def person_of(caller: Caller) -> Person | None:
    """The person of the team who asks; None for anybody else, whom no page is for."""
    return Person(caller.name, caller.role) if isinstance(caller, TeamMember) else None


async def find_pages(request: Request, caller: Annotated[Caller, Depends(find_caller)]) -> Pages:
    """The pages for whoever is signed in."""
    return Pages(request, person_of(caller))


FromPages = Annotated[Pages, Depends(find_pages)]
