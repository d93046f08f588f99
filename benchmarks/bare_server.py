"""What a server costs that has nothing to do: bare routes that answer with the same bytes.

`python -m benchmarks.bare_server PORT BODY` serves the bytes of a file, on the event loop and with
the HTTP parser that the API uses: `/fastapi/{user_id}` by a route of FastAPI, all else by a bare
ASGI function.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Response
from starlette.types import Receive, Scope, Send

FASTAPI, ASGI = "/fastapi/", "/asgi/"
_JSON = "application/json"


class BareServer:
    """The app: FastAPI below its path, the bytes elsewhere."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._headers = [
            (b"content-type", _JSON.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        self._fastapi = FastAPI()
        self._fastapi.get(FASTAPI + "{user_id}")(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"].startswith(FASTAPI):
            await self._fastapi(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})

    async def _answer(self, user_id: str) -> Response:  # noqa: ARG002 -- parsed, as by any route
        return Response(self._body, media_type=_JSON)


def serve(port: int, body: bytes) -> None:
    """Serve until a signal."""
    config = uvicorn.Config(
        BareServer(body),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes())
