"""Sound files over HTTP: sent whole or in ranges, with the validators of RFC 9110.

A player asks for many ranges of one file; the bridge makes it once and then finds it again.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from plugin_bridge.access import Caller
from plugin_bridge.doors.http_gate import json_response
from plugin_bridge.doors.http_reception import HttpRefused, Reception
from plugin_bridge.doors.http_routes import FORMATS, PINS, Route
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import DeliveredFile, Delivery

RANGES: Final = 100  # more in one request are an attack; then the whole file is sent
A_YEAR_S: Final = 365 * 86_400


async def file_response(
    reception: Reception, route: Route, message: Envelope, caller: Caller, request: Request
) -> Response:
    """The file that a `scene.deliver` made, or its receipt. Raises `Refused`."""
    delivery = Delivery.model_validate(await reception.content(message, caller))
    file = delivery.files[-1]  # the mix comes last, a stem comes alone
    pins = {name: value for name, value in request.query_params.items() if name in PINS}
    _check_pins(file, pins)
    headers = {
        "ETag": f'"{file.sha256}"',
        "Cache-Control": f"private, max-age={A_YEAR_S}, immutable" if "sha256" in pins else "no-cache",
        "X-Stemscape-Id": message.id,
        "X-Stemscape-Revision": str(delivery.revision),
    }
    if file.take is not None:
        headers["X-Stemscape-Take"] = file.take
    if route.answer == "receipt":
        del headers["ETag"]  # the file's; this may change while the file does not
        receipt = delivery.model_copy(update={"files": [file]})
        return json_response(receipt, headers={**headers, "Cache-Control": "no-store"})
    if is_known(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    assert file.path is not None
    path = Path(file.path)
    try:
        stat = await asyncio.to_thread(path.stat)
    except OSError as error:
        raise Refused("internal", f"the file was taken away: {error}", remedy="Ask again.") from error
    keep_ranges(request, stat.st_size)
    return FileResponse(
        path,
        headers=headers,
        media_type=FORMATS[message.content["format"]],
        filename=file.name,
        content_disposition_type="inline",
        stat_result=stat,
    )


def _check_pins(file: DeliveredFile, pins: Mapping[str, str]) -> None:
    for name, wanted in pins.items():
        plays = getattr(file, name)
        if plays != wanted:
            raise Refused(
                "not_found",
                f"what plays now has {name} {plays}, not the one asked for",
                remedy=f"Leave out {name} to get what plays now.",
            )


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this very file already."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in known or known == ["*"]


def keep_ranges(request: Request, size_bytes: int) -> None:
    """Leaves in the request only ranges that can be sent; none where the header is not understood.

    RFC 9110 14.2: a unit or a form that is not understood is ignored, and one satisfiable range is enough.
    Starlette would answer 400 and 416. Raises `HttpRefused` (`invalid`, 416) where none can be sent.
    """
    said = request.headers.get("range")
    if said is None:
        return
    headers = MutableHeaders(scope=request.scope)
    ranges = parse_ranges(said, size_bytes)
    if ranges is None or len(ranges) > RANGES:
        del headers["range"]
    elif ranges:
        headers["range"] = "bytes=" + ", ".join(f"{first}-{last}" for first, last in ranges)
    elif "if-range" not in headers:  # with it, the whole file may be what is wanted
        refused = Refused("invalid", f"no such range: the file has {size_bytes} bytes")
        raise RangeRefused(refused, size_bytes)


class RangeRefused(HttpRefused):
    """416, which must tell the file's size."""

    def __init__(self, refused: Refused, size_bytes: int) -> None:
        super().__init__(refused, 416)
        self.headers = {"Content-Range": f"bytes */{size_bytes}"}


def parse_ranges(said: str, size_bytes: int) -> list[tuple[int, int]] | None:
    """First and last byte of every range that can be sent; None where the header is not understood."""
    unit, _, wanted = said.partition("=")
    if unit.strip().lower() != "bytes" or len(said) > 20 * RANGES:
        return None
    ranges = []
    for one in wanted.split(","):
        found = re.fullmatch(r"\s*(\d{0,18})-(\d{0,18})\s*", one, re.ASCII)
        if found is None or found[0].strip() == "-":
            return None
        first, last = found[1], found[2]
        if first and last and int(first) > int(last):
            return None
        start = int(first) if first else max(0, size_bytes - int(last))
        end = min(int(last), size_bytes - 1) if first and last else size_bytes - 1
        if start <= end:
            ranges.append((start, end))
    return ranges
