"""OSCQuery: the OSC table and what is in the scenes now, as a tree over HTTP. Reads only.

After the OSCQuery proposal (Vidvox), without its WebSocket part. Web pages of elsewhere cannot read it: no
CORS header is sent, and a host name that is not this machine's is refused (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plugin_bridge.bridge import Bridge
from plugin_bridge.config import is_loopback
from plugin_bridge.doors.osc_packet import Value
from plugin_bridge.doors.osc_row import Argument, Content, Names, Row
from plugin_bridge.doors.osc_table import ROWS
from plugin_bridge.guard import guarded
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import ERROR, Failure

log = logging.getLogger("stemscape.osc")

Node: TypeAlias = dict[str, Any]

ATTRIBUTES: Final = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "DESCRIPTION")
EXTENSIONS: Final = {
    **dict.fromkeys(("ACCESS", "VALUE", "RANGE", "DESCRIPTION"), True),
    **dict.fromkeys(("TAGS", "EXTENDED_TYPE", "UNIT", "CRITICAL", "CLIPMODE", "OVERLOADS", "HTML"), False),
    **dict.fromkeys(("LISTEN", "PATH_CHANGED", "PATH_ADDED", "PATH_REMOVED", "PATH_RENAMED"), False),
}
_READ: Final = 1
_WRITE: Final = 2


def namespace(scenes: Mapping[str, Content], transport: Content) -> Node:
    """The whole tree. `scenes`: id → the content of a `scene.get.reply`."""
    root: Node = {"FULL_PATH": "/", "DESCRIPTION": "Stemscape", "ACCESS": 0, "CONTENTS": {}}
    for row in ROWS:
        if not row.address.startswith("/scene/<scene>"):
            _put(root, row, row.address, transport, {})
            continue
        for scene, content in scenes.items():
            if "<layer>" not in row.address:
                # an address that names a layer to come is shown with its placeholder
                _put(root, row, row.address.replace("<scene>", scene), content, {"scene": scene})
                continue
            for layer in content["scene"]["layers"]:
                names = {"scene": scene, "layer": layer["id"]}
                address = row.address.replace("<scene>", scene).replace("<layer>", layer["id"])
                _put(root, row, address, content, names)
    return root


def find(root: Node, path: str) -> Node | None:
    """The node at a path, or None."""
    node: Node | None = root
    for part in path.strip("/").split("/"):
        if part and node is not None:
            node = node.get("CONTENTS", {}).get(part)
    return node


def _put(root: Node, row: Row, address: str, content: Content, names: Names) -> None:
    node, path = root, ""
    for part in address.split("/")[1:]:
        path = f"{path}/{part}"
        inside = node.setdefault("CONTENTS", {})
        node = inside.setdefault(part, {"FULL_PATH": path, "ACCESS": 0})
    value = row.value(content, names) if row.value is not None else None
    node["DESCRIPTION"] = row.what
    node["ACCESS"] = _WRITE if value is None else _READ | _WRITE
    node["TYPE"] = _types(row, value)
    ranges = [_range(argument) for argument in row.arguments]
    if any(ranges):
        node["RANGE"] = [one or None for one in ranges][: max(len(node["TYPE"]), 1)]
    if value is not None:
        node["VALUE"] = _as_switches(row, value)


def _types(row: Row, value: tuple[Value, ...] | None) -> str:
    if any(one.many for one in row.arguments) and value is not None:
        return "".join("s" if isinstance(one, str) else "N" if one is None else "f" for one in value)
    letters = {"b": "T", "*": "s"}  # T stands for T or F in the proposal
    needed = [one for one in row.arguments if not one.many and (not one.optional or value is not None)]
    return "".join(letters.get(one.kind, one.kind) for one in needed) or "N"


def _range(argument: Argument) -> Node:
    if argument.choices:
        return {"VALS": list(argument.choices)}
    return {"MIN": argument.bound.low, "MAX": argument.bound.high} if argument.bound is not None else {}


def _as_switches(row: Row, value: tuple[Value, ...]) -> list[Value]:
    if [one.kind for one in row.arguments] == ["b"]:
        return [bool(one) for one in value]
    return list(value)


class _Server(uvicorn.Server):
    """One that leaves signals to the engine."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class OscQuery:
    """Bound when it is opened: `url` is real then."""

    def __init__(self, bound: socket.socket, osc: tuple[str, int]) -> None:
        self._socket = bound
        self._osc = osc
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        host, port = bound.getsockname()
        self._host = host
        self.url = f"http://{host}:{port}"

    @classmethod
    def open(cls, host: str, port: int, osc: tuple[str, int]) -> OscQuery:
        """Binds. `osc` is where OSC over UDP is. Raises `Refused` (`conflict`) where the port is taken."""
        try:
            return cls(socket.create_server((host, port)), osc)
        except OSError as error:
            raise Refused(
                "conflict",
                f"the OSCQuery port {port} on {host} cannot be used: {error.strerror}",
                remedy="Stop what is using it, take another with --oscquery-port, or `off`.",
            ) from error

    def serve(self, bridge: Bridge) -> None:
        """Answers from now on, until `close`."""
        config = uvicorn.Config(
            self._application(bridge),
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
        )
        self._server = _Server(config)
        self._serving = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._socket]))

    async def close(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._serving
        self._socket.close()

    def _application(self, bridge: Bridge) -> Starlette:
        async def query(request: Request) -> Response:
            asked = request.url.query.split("&")[0].partition("=")[0]
            if asked == "HOST_INFO":
                return JSONResponse(self._host_info())
            path = request.url.path
            root = await guarded("OSCQuery", _tree(bridge, path))
            if isinstance(root, Failure):
                return JSONResponse({"error": root.message}, status_code=500)
            node = find(root, path)
            if node is None:
                return JSONResponse({"error": f"there is nothing at {path}"}, status_code=404)
            if not asked:
                return JSONResponse(node)
            if asked not in ATTRIBUTES:
                return JSONResponse({"error": f"{asked} is not known here"}, status_code=400)
            if asked not in node:
                return Response(status_code=204)
            return JSONResponse({asked: node[asked]})

        hosts = [self._host, "127.0.0.1", "localhost"] if is_loopback(self._host) else ["*"]
        return Starlette(
            routes=[Route("/{path:path}", query, methods=["GET"])],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)],
        )

    def _host_info(self) -> Node:
        host, port = self._osc
        return {
            "NAME": "Stemscape",
            "OSC_IP": host,
            "OSC_PORT": port,
            "OSC_TRANSPORT": "UDP",
            "EXTENSIONS": EXTENSIONS,
        }


async def _tree(bridge: Bridge, path: str) -> Node:
    """The tree, with only the scene that a path leads into where it leads into one."""
    parts = path.strip("/").split("/")
    wanted = parts[1] if len(parts) > 1 and parts[0] == "scene" else None
    (listed,) = await bridge.handle(Envelope("scene.list"))
    (transport,) = await bridge.handle(Envelope("transport.get"))
    if ERROR in (listed.type, transport.type):
        raise Failure.model_validate(listed.content).refusal()
    scenes: dict[str, Content] = {}
    for scene in listed.content["scenes"]:
        if wanted in (None, scene):
            (found,) = await bridge.handle(Envelope("scene.get", {"scene": scene}))
            if found.type != ERROR:
                scenes[scene] = found.content
    return namespace(scenes, transport.content)
