"""The pages of the documentation: files that show nothing of this installation."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fastapi_offline

from serving.http.middleware import compressed

_OWN = Path(__file__).parent
_SWAGGER = Path(fastapi_offline.__file__).parent / "static"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere; Swagger UI has its icons as `data:`."""

_FILES = {
    "docs.html": (_OWN, "text/html; charset=utf-8"),
    "start.js": (_OWN, "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript; charset=utf-8"),
    "swagger-ui.css": (_SWAGGER, "text/css; charset=utf-8"),
    "favicon.png": (_SWAGGER, "image/png"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is answered."""

    media_type: str
    body: bytes
    smaller: bytes
    """The body in gzip: it is large, and compressing it takes longer than a request may."""


@cache
def find_page(name: str) -> Page | None:
    """A file by its name, read once."""
    if name not in _FILES:
        return None
    folder, media_type = _FILES[name]
    body = (folder / name).read_bytes()
    return Page(media_type, body, compressed(body, level=9))
