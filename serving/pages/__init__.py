"""Files that show nothing of this installation: pages, and the script for the pages of apps."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fastapi_offline

from serving.http.middleware import compressed
from serving.pages.smaller import smaller_script

_OWN = Path(__file__).parent
_SWAGGER = Path(fastapi_offline.__file__).parent / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere; Swagger UI has its icons as `data:`."""

CONSOLE_POLICY = CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'")
"""The same for pages with forms whose fields stand in the address, as what is looked for does."""

_FILES = {
    "docs.html": (_OWN, "text/html; charset=utf-8"),
    "start.js": (_OWN, "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript; charset=utf-8"),
    "swagger-ui.css": (_SWAGGER, "text/css; charset=utf-8"),
    "favicon.png": (_SWAGGER, "image/png"),
}
_SIGN_IN_FILES = {
    "sign-in.html": (_OWN, "text/html; charset=utf-8"),
    "sign-in.js": (_OWN, "text/javascript; charset=utf-8"),
    "sign-in.css": (_OWN, "text/css; charset=utf-8"),
    "favicon.svg": (_OWN.parent / "console" / "static", "image/svg+xml"),
}

_SDK_FILES = {
    "tandem.js": (_OWN, "text/javascript; charset=utf-8"),
    "tandem.d.ts": (_OWN, "text/plain; charset=utf-8"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is answered."""

    media_type: str
    body: bytes
    smaller: bytes
    """The body in gzip: it is large, and compressing it takes longer than a request may."""


def find_page(name: str) -> Page | None:
    """A file of the documentation by its name, read once."""
    return _read(*_FILES[name], name) if name in _FILES else None


def find_sign_in_page(name: str) -> Page | None:
    """The same of the page to sign in, which is shown whether the documentation is or not."""
    return _read(*_SIGN_IN_FILES[name], name) if name in _SIGN_IN_FILES else None


def find_sdk_file(name: str) -> Page | None:
    """What pages of other origins load, to ask this API from a browser."""
    return _read(*_SDK_FILES[name], name) if name in _SDK_FILES else None


@cache
def _read(folder: Path, media_type: str, name: str) -> Page:
    body = (folder / name).read_bytes()
    if name == "tandem.js":
        body = smaller_script(body.decode()).encode()
    return Page(media_type, body, compressed(body, level=9))
