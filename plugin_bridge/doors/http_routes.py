"""The HTTP door's table: method and path → message, and how path, query and body make its content.

Routes, the OpenAPI document and the table in docs/http.md all come from here. Pure: knows no sockets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal

from scene_schema.errors import Code, Finding, Refused, shown
from scene_schema.messages import REPLIES, REQUESTS, Accepted, Delivery, SceneReply

WHOLE: Final = "*"
"""A route's body that holds fields of the message itself, instead of one field's value."""

PINS: Final = ("take", "sha256")
"""What a request for a sound may insist on; another sound than that is `not_found`."""

FORMATS: Final = {"wav": "audio/wav", "flac": "audio/flac"}

OPERATOR_ONLY: Final = frozenset({"engine.load", "engine.unload", "engine.stop"})
"""What a web page or a game on this machine should not do by accident: the operator's token is asked for."""

STATUS: Final[dict[Code, int]] = {
    "malformed": 400,
    "too_large": 413,
    "version": 400,
    "unknown_type": 400,
    "invalid": 422,
    "not_found": 404,
    "exists": 409,
    "conflict": 409,
    "locked": 423,
    "unsupported": 422,
    "not_rendered": 409,
    "too_many_jobs": 429,
    "worker_lost": 503,
    "model_failed": 503,
    "out_of_memory": 503,
    "set_aside": 503,
    "denied": 403,  # 401 where a token is missing or wrong
    "shutting_down": 503,
    "internal": 500,
}
"""The HTTP status of every error code."""

SOUND: Final = (
    "rate_hz",
    "bit_depth",
    "channels",
    "length_bars",
    "loop",
    "loop_crossfade_s",
    "position_s",
    "target_lufs",
    "drafts",
)
"""How a file is to be: fields of `scene.deliver`."""

_STEP: Final = ("base_revision", "render", "priority")
_EDIT: Final = (*_STEP, "draft")

_WITH_REVISION: Final = (SceneReply, Accepted, Delivery)


@dataclass(frozen=True)
class Route:
    """One line of the table.

    Attributes:
        path: names in braces are fields of the message; the one that is also `body` is that body's `id`.
        kind: the message's type.
        body: the field that the JSON body is, `WHOLE` where it holds several, "" where there is none.
        query: fields that come as text behind the `?`.
        defaults: fields that the body or the query may change.
        answer: the reply's content as JSON; or a sound file; or that file's receipt as JSON.
    """

    method: str
    path: str
    kind: str
    does: str
    body: str = ""
    query: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    answer: Literal["reply", "file", "receipt"] = "reply"

    @property
    def has_revision(self) -> bool:
        """Whether the reply's revision is told as ETag."""
        return REPLIES[self.kind] in _WITH_REVISION and self.answer == "reply"

    @property
    def takes_revision(self) -> bool:
        """Whether If-Match means anything: it is the message's `base_revision`."""
        return "base_revision" in REQUESTS[self.kind].model_fields


ROUTES: Final = (
    Route(
        "GET",
        "/hello",
        "hello",
        "who is there: version, session, model, addresses",
        query=("cancel_on_disconnect",),
    ),
    Route("GET", "/status", "status", "what the engine is doing: worker, jobs"),
    Route("GET", "/scenes", "scene.list", "all scenes with their newest revision"),
    Route(
        "PUT",
        "/scenes/{scene}",
        "scene.create",
        "keeps a scene: a new one, or the next revision of one that exists (not with `replace=false`)",
        body="scene",
        query=("render", "replace", "priority"),
        defaults={"replace": True},
    ),
    Route(
        "GET",
        "/scenes/{scene}",
        "scene.get",
        "a scene, its newest revision or another, and how its stems stand",
        query=("revision",),
    ),
    Route(
        "PATCH",
        "/scenes/{scene}",
        "scene.edit",
        "changes title, caption, duration, tempo, chords",
        body="changes",
        query=_EDIT,
    ),
    Route(
        "POST",
        "/scenes/{scene}/layers",
        "layer.add",
        "puts a layer into the scene",
        body="layer",
        query=("index", *_EDIT),
    ),
    Route(
        "PATCH",
        "/scenes/{scene}/layers/{layer}",
        "layer.edit",
        "changes fields of one layer; the others stay",
        body="changes",
        query=_EDIT,
    ),
    Route(
        "DELETE",
        "/scenes/{scene}/layers/{layer}",
        "layer.remove",
        "takes a layer out; its takes stay",
        query=_EDIT,
    ),
    Route(
        "POST",
        "/scenes/{scene}/layers/{layer}/move",
        "layer.move",
        "changes the order; nothing sounds different",
        body=WHOLE,
    ),
    Route(
        "POST",
        "/scenes/{scene}/extend",
        "scene.extend",
        "makes it longer: every layer goes on with what it plays",
        body=WHOLE,
    ),
    Route(
        "POST",
        "/scenes/{scene}/fit",
        "scene.fit",
        "gives it the length that the model would choose for its words",
        body=WHOLE,
    ),
    Route(
        "POST",
        "/scenes/{scene}/compose",
        "scene.compose",
        "makes one mix of all layers, and each stem a part of it",
        body=WHOLE,
    ),
    Route(
        "POST",
        "/scenes/{scene}/undo",
        "scene.undo",
        "takes back the last edit, as a new revision",
        query=_STEP,
    ),
    Route(
        "POST",
        "/scenes/{scene}/redo",
        "scene.redo",
        "does again what the last undo took back",
        query=_STEP,
    ),
    Route(
        "POST",
        "/scenes/{scene}/render",
        "scene.render",
        "renders what is stale or missing, in all layers or those named",
        body=WHOLE,
    ),
    Route(
        "POST",
        "/scenes/{scene}/deliver",
        "scene.deliver",
        "writes stems and mix as files on the engine's machine and names their paths",
        body=WHOLE,
        defaults={"hand_off": "path"},
    ),
    Route(
        "POST",
        "/scenes/{scene}/export",
        "scene.export",
        "writes a scene with its takes and audio as one file on the engine's machine and names its path",
        body=WHOLE,
        defaults={"hand_off": "path"},
    ),
    Route(
        "POST",
        "/import",
        "scene.import",
        "keeps a scene from such a file, which lies in a project folder on the engine's machine",
        body=WHOLE,
    ),
    Route("GET", "/jobs/{job}", "job.get", "how a job stands"),
    Route("DELETE", "/jobs/{job}", "job.cancel", "stops a job"),
    Route("DELETE", "/jobs", "jobs.cancel", "ends all of the sender's jobs", query=("scene", "owner")),
    Route("GET", "/transport", "transport.get", "how the host plays, as it last said"),
    Route("PATCH", "/transport", "transport.set", "says how the host plays", body=WHOLE),
    Route("POST", "/load", "engine.load", "starts unloaded workers; needs the operator's token", body=WHOLE),
    Route(
        "POST",
        "/unload",
        "engine.unload",
        "frees the memory of idle workers; needs the operator's token",
        body=WHOLE,
    ),
    Route("POST", "/stop", "engine.stop", "ends the engine; needs the operator's token"),
    Route(
        "GET",
        "/scenes/{scene}/stems/{layer}.{format}",
        "scene.deliver",
        "the stem of one layer, as it plays now",
        query=(*SOUND, *PINS),
        answer="file",
    ),
    Route(
        "GET",
        "/scenes/{scene}/stems/{layer}.{format}/receipt",
        "scene.deliver",
        "what that file is: take, length, loudness, place on the timeline",
        query=(*SOUND, *PINS),
        answer="receipt",
    ),
    Route(
        "GET",
        "/scenes/{scene}/mix.{format}",
        "scene.deliver",
        "the mix of all layers",
        query=(*SOUND, "sha256"),
        answer="file",
    ),
    Route(
        "GET",
        "/scenes/{scene}/mix.{format}/receipt",
        "scene.deliver",
        "what that file is",
        query=(*SOUND, "sha256"),
        answer="receipt",
    ),
)


def content_of(
    route: Route,
    path: Mapping[str, str],
    query: Iterable[tuple[str, str]] = (),
    body: Any = None,
    if_match: str | None = None,
) -> dict[str, Any]:
    """The content of the message that a request means; whether it is right, `read_request` says.

    Args:
        path: the values of the names in braces.
        query: names and values as they came; `PINS` are not part of a message and must be taken out before.
        body: the parsed JSON, None where the request had none.
        if_match: the header: a revision, as an entity tag.

    Raises `Refused` (`invalid`): a name that the route does not have, or two places that do not agree.
    """
    content: dict[str, Any] = {**route.defaults, **_body_of(route, body)}
    for name, value in path.items():
        holder = content[route.body] if name == route.body else content
        key = "id" if name == route.body else name
        if holder.get(key, value) != value:
            raise _wrong(f"$.{key}", f"{value!r}, as the path says", holder[key])
        holder[key] = value
    given: set[str] = set()
    for name, text in query:
        if name not in route.query or name in PINS:
            raise _wrong(f"?{name}", f"one of {', '.join(route.query) or 'no query at all'}", text)
        if name in given:
            raise _wrong(f"?{name}", "one value", "several")
        given.add(name)
        content[name] = _value(route.kind, name, text)
    if if_match is not None and if_match.strip() != "*":
        if "base_revision" in given:
            raise _wrong("If-Match", "either this or base_revision", if_match)
        content["base_revision"] = _revision(route, if_match)
    return content if route.answer == "reply" else _order(content)


def _body_of(route: Route, body: Any) -> dict[str, Any]:
    if not route.body:
        if body is not None:
            raise _wrong("$", f"no body with {route.method} {route.path}", body)
        return {}
    if body is None and route.body == WHOLE:
        return {}
    if not isinstance(body, dict):
        what = "an object" if route.body == WHOLE else f"the {route.body} as an object"
        raise _wrong("$", what, "nothing" if body is None else body)
    return dict(body) if route.body == WHOLE else {route.body: dict(body)}


def _order(content: dict[str, Any]) -> dict[str, Any]:
    """What to deliver so that one file is there to be sent."""
    layer = content.pop("layer", None)
    files = {"mix": True} if layer is None else {"mix": False, "layers": [layer]}
    return {**content, **files, "hand_off": "path"}


def _revision(route: Route, if_match: str) -> int:
    if not route.takes_revision:
        raise _wrong("If-Match", f"nothing: {route.kind} has no base_revision", if_match)
    found = re.fullmatch(r'\s*(?:W/)?"?(\d{1,15})"?\s*', if_match, re.ASCII)
    if found is None:
        raise _wrong("If-Match", 'a revision, as ETag gave it: "3"', if_match)
    return int(found[1])


def _value(kind: str, name: str, text: str) -> Any:
    """Text as the number or truth value that the field wants; else as it is, for the schema to refuse."""
    types = _types(kind, name)
    if "boolean" in types and text in ("true", "false"):
        return text == "true"
    if "integer" in types and re.fullmatch(r"-?\d{1,20}", text, re.ASCII):
        return int(text)
    if "number" in types and re.fullmatch(r"-?\d{1,20}(\.\d{0,20})?(e-?\d{1,3})?", text, re.ASCII):
        return float(text)
    return text


@cache
def _types(kind: str, name: str) -> frozenset[str]:
    """JSON types that a field may have."""
    said = REQUESTS[kind].model_json_schema()["properties"][name]
    return frozenset(one["type"] for one in said.get("anyOf", [said]) if "type" in one)


def _wrong(where: str, expected: str, got: object) -> Refused:
    finding = Finding(field=where, expected=expected, got=got if got == "nothing" else shown(got))
    return Refused("invalid", "this request is not valid", findings=[finding], remedy="See /openapi.json.")
