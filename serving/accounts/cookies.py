"""The cookie of a browser's session: sent to this host only, and read by no script."""

from fastapi import Request, Response

from serving.access.access import SECURE_COOKIE, SESSION_COOKIE, is_secure


def set_cookie(request: Request, response: Response, secret: str, seconds: int) -> None:
    """Over TLS it has a name that no other host, and no page without TLS, can set."""
    secure = is_secure(request.scope)
    response.set_cookie(
        SECURE_COOKIE if secure else SESSION_COOKIE,
        secret,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def delete_cookie(request: Request, response: Response) -> None:
    """Make the browser forget it, if it has one."""
    if SESSION_COOKIE in request.headers.get("cookie", ""):
        set_cookie(request, response, "", 0)
