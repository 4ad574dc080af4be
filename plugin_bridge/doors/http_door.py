"""The HTTP door: REST by the table of `http_routes`, envelopes at /message, events at /events, and files.

Same messages and ids as over ZeroMQ. This file joins the parts: the table says what, `http_gate` who,
`http_files` and `websocket` how, `http_server` by what means.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route as Path
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from plugin_bridge.access import Caller
from plugin_bridge.bridge import Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors import http_documents
from plugin_bridge.doors.http_files import RangeRefused, file_response
from plugin_bridge.doors.http_gate import Gate, json_response, read_body
from plugin_bridge.doors.http_reception import Reception, status_of
from plugin_bridge.doors.http_routes import PINS, ROUTES, STATUS, Route, content_of
from plugin_bridge.doors.http_server import HttpServer, bind
from plugin_bridge.doors.json_envelope import envelope_of, id_in, parse, text_of
from plugin_bridge.doors.websocket import Followers
from plugin_bridge.metrics import CONTENT_TYPE, Metrics
from scene_schema import json_schema
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import ERROR, Failure

log = logging.getLogger("stemscape.http")

DOOR: Final = "http"
WEBSOCKET: Final = "websocket"

_schema_text = cache(json_schema.text)

RUNNING: Final = ("ready", "rendering", "unloaded")
HEADER_CHARS: Final = 256  # as the envelope's

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Stemscape</title>
<h1>Stemscape</h1>
<p>The HTTP door of a Stemscape engine, which keeps sound scenes and renders their layers as stems.</p>
<ul>
<li><a href="openapi.json">openapi.json</a>: every request, for people who write a client
<li><a href="asyncapi.json">asyncapi.json</a>: the WebSocket at /events
<li><a href="schema.json">schema.json</a>: the fields of every message
<li><a href="status">status</a>: what the engine is doing
<li><a href="health">health</a> and <a href="metrics">metrics</a>
</ul>
</html>
"""


def by_path() -> dict[str, dict[str, Route]]:
    """The table's lines by path and then by method."""
    paths: dict[str, dict[str, Route]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method] = route
    return paths


class HttpDoor:
    """Bound when it is made: `url` is real then. Raises `Refused` where the port is taken.

    `metrics`: where to count; doors may share one.
    """

    def __init__(self, config: BridgeConfig, metrics: Metrics | None = None) -> None:
        assert config.http_port is not None
        self._config = config
        self.metrics = metrics or Metrics()
        self._listener = bind(config.host, config.http_port)
        host, port = self._listener.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._server: HttpServer | None = None
        self._followers: Followers | None = None

    def serve(self, bridge: Bridge) -> None:
        """Takes requests from now on, until `close`."""
        self._followers = Followers(Reception(bridge, self._config, self.metrics, WEBSOCKET))
        self.metrics.followers[WEBSOCKET] = self._followers.__len__
        desk = _Desk(Reception(bridge, self._config, self.metrics, DOOR), self._followers)
        app: ASGIApp = Gate(desk.app(), self._config, self.metrics, DOOR)
        server = HttpServer(Counted(app, self.metrics), self._listener, self._config.linger_s)
        self.metrics.connections[DOOR] = lambda: server.connections
        self._server = server

    def publish(self, topic: str, event: Envelope) -> None:
        """Tells the WebSockets that follow the topic. Never waits: whoever is too slow misses it."""
        if self._followers is not None:
            self._followers.publish(topic, event)

    async def close(self) -> None:
        """Says goodbye to followers, lets answers go out for a moment, then closes."""
        if self._followers is not None:
            await self._followers.close()
        if self._server is not None:
            await self._server.close()
        self._listener.close()


class _Desk:
    """What answers each path."""

    def __init__(self, reception: Reception, followers: Followers) -> None:
        self._reception = reception
        self._followers = followers

    def app(self) -> Starlette:
        """All paths. Those that say nothing of scenes are open to all who pass the gate."""
        paths = [
            Path("/", _page),
            Path("/openapi.json", partial(_document, http_documents.openapi_text)),
            Path("/asyncapi.json", partial(_document, http_documents.asyncapi_text)),
            Path("/schema.json", partial(_document, _schema_text)),
            Path("/health", self._health),
            Path("/health/live", _alive),
            Path("/metrics", self._metrics),
            Path("/message", self._message, methods=["POST"]),
            WebSocketRoute("/events", self._events),
            *(
                Path(path, partial(self._rest, routes), methods=list(routes))
                for path, routes in by_path().items()
            ),
        ]
        handlers: Any = {Refused: _refused, HTTPException: _no_such_path, ClientDisconnect: _gone}
        app = Starlette(routes=paths, exception_handlers=handlers)
        app.router.redirect_slashes = False  # a path is right or it is not
        return app

    # --- messages ---------------------------------------------------------------------------------------

    async def _rest(self, routes: dict[str, Route], request: Request) -> Response:
        route = routes["GET" if request.method == "HEAD" else request.method]
        caller = self._caller(request)
        body = await read_body(request)
        query = request.query_params.multi_items()
        message_id = _header(request, "idempotency-key") or uuid.uuid4().hex
        content = content_of(
            route,
            request.path_params,
            [one for one in query if one[0] not in PINS or one[0] not in route.query],
            parse(body) if body else None,
            request.headers.get("if-match"),
        )
        message = Envelope(route.kind, content, id=message_id, client=caller.name)
        if route.answer != "reply":
            return await file_response(self._reception, route, message, caller, request)
        answer = await self._ask(message, caller)
        headers = {"X-Stemscape-Id": message_id, "X-Stemscape-Session": answer.session}
        if answer.type == ERROR:
            return json_response(answer.content, STATUS[answer.content["code"]], headers)
        if not route.has_revision:
            return json_response(answer.content, headers=headers)
        # names the revision for If-Match; how stems stand changes without one, so there is no 304 for it
        headers["ETag"] = f'"{answer.content["revision"]}"'
        created = route.method == "PUT" and answer.content["revision"] == 1
        if created:
            headers["Location"] = request.url.path
        return json_response(answer.content, 201 if created else 200, headers)

    async def _message(self, request: Request) -> Response:
        head: object = None
        headers: dict[str, str] = {}
        try:
            head = parse(await read_body(request))
            message = envelope_of(head)
            caller = self._caller(request, message)
            answer = await self._ask(message, caller)
            status = STATUS[answer.content["code"]] if answer.type == ERROR else 200
        except Refused as refused:
            answer = self._reception.refuse(refused, id_in(head))
            status, headers = status_of(refused), _headers_of(refused)
        headers = {"Cache-Control": "no-store", **headers}
        return Response(text_of(answer), status, headers, media_type="application/json")

    async def _ask(self, message: Envelope, caller: Caller) -> Envelope:
        makes_files = message.type in ("scene.deliver", "scene.export")
        if makes_files and message.content.get("hand_off", "frames") == "frames":
            refused = Refused(
                "unsupported",
                "a JSON answer cannot hold files",
                remedy='Send hand_off: "path", or GET /scenes/{scene}/mix.wav, or use the WebSocket.',
            )
            return self._reception.refuse(refused, message.id)
        return await self._reception.ask(message, caller)

    async def _events(self, websocket: WebSocket) -> None:
        query = websocket.query_params
        token = _bearer(websocket.headers.get("authorization")) or query.get("token", "")
        name = websocket.headers.get("x-stemscape-client") or query.get("client", "")
        where = websocket.client.host if websocket.client else ""
        try:
            caller = self._reception.caller(name[:HEADER_CHARS], token, where)
        except Refused as refused:
            await websocket.send_denial_response(_refusal(refused))
            return
        await self._followers.talk(websocket, caller, token, where)

    def _caller(self, request: Request, message: Envelope | None = None) -> Caller:
        name, token = _header(request, "x-stemscape-client"), _bearer(request.headers.get("authorization"))
        if message is not None:
            name, token = message.client or name, message.token or token
        return self._reception.caller(name, token, request.client.host if request.client else "")

    # --- for who runs it --------------------------------------------------------------------------------

    async def _health(self, _: Request) -> Response:
        try:
            status = await self._reception.content(Envelope("status"), Caller())
        except Refused as refused:
            return json_response({"state": "stopping", "detail": refused.message}, 503)
        worker = {name: status["worker"][name] for name in ("state", "detail", "restarts")}
        return json_response(worker, 200 if worker["state"] in RUNNING else 503)

    async def _metrics(self, request: Request) -> Response:
        status = await self._reception.content(Envelope("status"), self._caller(request))
        page = self._reception.metrics.page(status)
        return PlainTextResponse(page, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


class Counted:
    """ASGI: counts the bytes of answers, and logs what was refused. Never the query: it may hold a token."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started_s, status, size = self._metrics.clock(), 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif scope["method"] != "HEAD":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.sent_bytes.add(DOOR, by=size)
            took_ms = (self._metrics.clock() - started_s) * 1000
            level = logging.DEBUG if 0 < status < 400 else logging.INFO
            said = (scope["method"], scope["path"][:HEADER_CHARS], status, size, took_ms)
            log.log(level, "method=%s path=%r status=%d bytes=%d ms=%.1f", *said)


async def _page(_: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": "default-src 'none'"})


async def _alive(_: Request) -> Response:
    return json_response({"state": "alive"})


async def _document(text: Callable[[], str], _: Request) -> Response:
    made = await asyncio.to_thread(text)  # the first time it takes longer than anybody should wait
    return Response(made, media_type="application/json")


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name, "")
    if len(value) > HEADER_CHARS:
        raise Refused("malformed", f"the header {name} may have at most {HEADER_CHARS} characters")
    return value


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _refusal(refused: Refused) -> Response:
    return json_response(Failure.of(refused), status_of(refused), _headers_of(refused))


def _headers_of(refused: Refused) -> dict[str, str]:
    if isinstance(refused, RangeRefused):
        return refused.headers
    return {"WWW-Authenticate": "Bearer"} if status_of(refused) == 401 else {}


async def _refused(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return _refusal(refused)


async def _no_such_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    wrong = "path" if error.status_code == 404 else f"method {request.method} for this path"
    refused = Refused("not_found", f"there is no such {wrong}", remedy="See /openapi.json.")
    return json_response(Failure.of(refused), error.status_code, headers)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it
