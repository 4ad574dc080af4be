"""The HTTP door's gate: which host names, web pages and sizes come in. Decides before anything is read.

A browser runs pages that nobody here trusts. What it says about a page (`Origin`, `Sec-Fetch-Site`) and about
the name it used (`Host`) decides; a program that is no browser says none of it and is judged by its token.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.http_reception import HttpRefused
from plugin_bridge.doors.json_envelope import json_of
from plugin_bridge.metrics import Metrics
from scene_schema.errors import Refused, shown
from scene_schema.limits import MESSAGE_BYTES
from scene_schema.messages import Failure

log = logging.getLogger("stemscape.http")

BODY_S: Final = 10.0  # a body that takes longer holds a place that others need
PREFLIGHT_S: Final = 600  # how long a browser may remember what it was allowed

_READABLE: Final = (
    "ETag, Content-Range, Accept-Ranges, Content-Disposition, Location, "
    "X-Stemscape-Id, X-Stemscape-Session, X-Stemscape-Revision, X-Stemscape-Take"
)
_SENDABLE: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Range, X-Stemscape-Client"
)


class Gate:
    """ASGI: turns away pages and names that have no business here, and marks every answer."""

    def __init__(self, app: ASGIApp, config: BridgeConfig, metrics: Metrics, door: str) -> None:
        self._app = app
        self._config = config
        self._metrics = metrics
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        send = self._marked(send, origin)
        try:
            check_place(headers, self._config)
        except Refused as refused:
            where = scope["client"][0] if scope.get("client") else "somebody"
            log.warning("%s was turned away: %s", where, refused.message)
            self._metrics.turned_away.add(self._door, "place")
            response = json_response(Failure.of(refused), 403)
        else:
            if not (scope.get("method") == "OPTIONS" and "access-control-request-method" in headers):
                await self._app(scope, receive, send)
                return
            response = _preflight(headers)
        await response(scope, receive, send)

    def _marked(self, send: Send, origin: str | None) -> Send:
        async def marked(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=list(message.get("headers", [])))
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.add_vary_header("Origin")
                if origin is not None and origin in self._config.origins:
                    headers["Access-Control-Allow-Origin"] = origin
                    headers["Access-Control-Expose-Headers"] = _READABLE
                    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
                message = {**message, "headers": headers.raw}
            await send(message)

        return marked


def check_place(headers: Headers, config: BridgeConfig) -> None:
    """Raises `Refused` (`denied`) where a browser speaks for a page that is not allowed, or under a name that
    is not this machine's (DNS rebinding: a page's own name that now points here)."""
    host = headers.get("host", "")
    if config.is_loopback and not _is_own_name(host, config):
        raise Refused(
            "denied",
            f"the host name {shown(host)} is not this engine's",
            remedy="Use 127.0.0.1 or localhost. For other names start the engine with --host and a token.",
        )
    origin = headers.get("origin")
    if origin is None:
        crossing = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if crossing and headers.get("sec-fetch-mode") != "navigate":
            raise _foreign("another page without a name")
    elif origin not in config.origins and not _is_own_origin(origin, host):
        raise _foreign(f"the page {shown(origin)}")


def _is_own_name(host: str, config: BridgeConfig) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", config.host):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_own_origin(origin: str, host: str) -> bool:
    # behind a proxy the scheme is https while ours is http
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and bool(place) and place == host


def _foreign(who: str) -> Refused:
    return Refused(
        "denied",
        f"{who} may not use this engine",
        remedy="Start the engine with --origin, followed by the page's scheme, name and port.",
    )


def _preflight(headers: Headers) -> Response:
    answer = {
        "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST, PATCH, DELETE",
        "Access-Control-Allow-Headers": _SENDABLE,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
    }
    if headers.get("access-control-request-private-network") == "true":
        answer["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers=answer)


async def read_body(request: Request) -> bytes:
    """The body, read no further than the limit.

    Raises `Refused`: `too_large` as soon as it is known, `malformed` (408) where it comes too slowly.
    """
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > MESSAGE_BYTES:
        raise _too_large(said)
    try:
        return await asyncio.wait_for(_read(request), BODY_S)
    except asyncio.TimeoutError as error:
        slow = Refused("malformed", f"the body did not come within {BODY_S:g} s", remedy="Send it again.")
        raise HttpRefused(slow, 408) from error


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MESSAGE_BYTES:
            raise _too_large(f"more than {MESSAGE_BYTES}")
    return bytes(body)


def _too_large(size: str) -> Refused:
    return Refused(
        "too_large", f"a body of {size} bytes; at most {MESSAGE_BYTES}", remedy="Send less at once."
    )


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain values or a model as JSON. Nothing of it is kept by a cache unless `headers` say so."""
    return Response(
        json_of(content),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        media_type="application/json",
    )
