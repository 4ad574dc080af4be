"""What is written down about the HTTP door, made from its table: OpenAPI, AsyncAPI, tables of docs/http.md.

`python -m plugin_bridge.doors.http_documents` writes all three; a test fails where one is stale.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from plugin_bridge.doors.http_routes import FORMATS, ROUTES, SOUND, STATUS, WHOLE, Route
from scene_schema.envelope import PROTOCOL_VERSION
from scene_schema.messages import EVENTS, REPLIES, REQUESTS, Failure, Welcome

MARKS: Final = ("<!-- routes: made by http_documents -->", "<!-- /routes -->")
"""What stands around the tables in docs/http.md."""

_Json = dict[str, Any]

_HEADERS: Final = {
    "X-Stemscape-Client": "the client's name; jobs belong to it",
    "Idempotency-Key": "the message's id: a request that is sent again with it is carried out once",
}


@cache
def openapi_text() -> str:
    """As it stands in docs/openapi.json."""
    return _text(openapi())


@cache
def asyncapi_text() -> str:
    """As it stands in docs/asyncapi.json."""
    return _text(asyncapi())


def openapi() -> _Json:
    """OpenAPI 3.1 of all routes of the table."""
    definitions = _definitions()
    paths: dict[str, _Json] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, definitions)
    paths["/message"] = {"post": _message_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stemscape over HTTP",
            "version": str(PROTOCOL_VERSION),
            "description": "The messages of docs/protocol.md as REST. Guide: docs/http.md.",
        },
        "servers": [{"url": "http://127.0.0.1:47713"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def asyncapi() -> _Json:
    """AsyncAPI 3.0 of the WebSocket: what comes of itself. Requests are answered as by POST /message."""
    contents: dict[str, type[BaseModel]] = {"welcome": Welcome, **EVENTS, "error": Failure}
    definitions = _definitions()
    messages = {
        kind: {
            "name": kind,
            "payload": {
                "type": "object",
                "required": ["version", "id", "type", "parent", "session", "content"],
                "properties": {
                    "version": {"const": PROTOCOL_VERSION},
                    "id": {"type": "string"},
                    "type": {"const": kind},
                    "parent": {"type": "string", "description": "id of the request that caused it"},
                    "session": {"type": "string"},
                    "client": {"type": "string"},
                    "content": {"$ref": f"#/components/schemas/{model.__name__}"},
                },
            },
        }
        for kind, model in contents.items()
    }
    subscribe = {
        "type": "object",
        "required": ["subscribe"],
        "properties": {
            "subscribe": {"type": "array", "items": {"type": "string"}},
            "id": {"type": "string", "description": "comes back as `parent` of the welcome"},
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Stemscape's events over WebSocket", "version": str(PROTOCOL_VERSION)},
        "servers": {"local": {"host": "127.0.0.1:47713", "protocol": "ws"}},
        "channels": {
            "events": {
                "address": "/events",
                "messages": {
                    "subscribe": {"payload": subscribe},
                    **{kind: {"$ref": f"#/components/messages/{kind}"} for kind in messages},
                },
            }
        },
        "operations": {
            "follow": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": f"#/channels/events/messages/{kind}"} for kind in messages],
            },
            "subscribe": {
                "action": "receive",
                "channel": {"$ref": "#/channels/events"},
                "messages": [{"$ref": "#/channels/events/messages/subscribe"}],
            },
        },
        "components": {"messages": messages, "schemas": _needed(definitions, [*contents.values()])},
    }


def tables() -> str:
    """The routes and the status codes in Markdown."""
    lines = ["| request | message | does | body | query |", "| --- | --- | --- | --- | --- |"]
    for one in ROUTES:
        body = {"": "", WHOLE: "its other fields"}.get(one.body, f"`{one.body}`")
        of_sound = ["*sound*"] if one.query[: len(SOUND)] == SOUND else []
        query = ", ".join([*of_sound, *(f"`{name}`" for name in one.query if name not in SOUND)])
        lines.append(f"| `{one.method} {one.path}` | `{one.kind}` | {one.does} | {body} | {query} |")
    lines += ["", f"*sound* is any of {', '.join(f'`{name}`' for name in SOUND)}."]
    lines += ["", "| status | codes |", "| --- | --- |"]
    for status in sorted(set(STATUS.values())):
        codes = ", ".join(f"`{code}`" for code, its in STATUS.items() if its == status)
        lines.append(f"| {status} | {codes} |")
    return "\n".join(lines)


def with_tables(guide: str) -> str:
    """The guide with its tables made anew."""
    begin, end = MARKS
    return re.sub(
        f"{re.escape(begin)}.*{re.escape(end)}",
        lambda _: f"{begin}\n\n{tables()}\n\n{end}",
        guide,
        flags=re.DOTALL,
    )


def _operation(route: Route, definitions: _Json) -> _Json:
    message = definitions[REQUESTS[route.kind].__name__]["properties"]
    names = re.findall(r"{(\w+)}", route.path)
    parameters = [_parameter(name, "path", _path_schema(route, name, message)) for name in names]
    parameters += [_parameter(name, "query", _plain(message.get(name, {}))) for name in route.query]
    parameters += [
        _parameter(name, "header", {"type": "string"}, description) for name, description in _HEADERS.items()
    ]
    if route.takes_revision:
        parameters.append(_parameter("If-Match", "header", {"type": "string"}, "base_revision, as ETag said"))
    operation: _Json = {
        "operationId": f"{route.method.lower()}{re.sub('[^a-z]+', '_', route.path)}".rstrip("_"),
        "summary": route.does,
        "description": f"Message `{route.kind}`.",
        "parameters": parameters,
        "responses": {"200": _success(route), "default": _json("Failure", "refused")},
    }
    if route.body:
        operation["requestBody"] = {
            "required": route.body != WHOLE,
            "content": {"application/json": {"schema": _body(route, message, names)}},
        }
    return operation


def _success(route: Route) -> _Json:
    if route.answer != "file":
        return _json(REPLIES[route.kind].__name__, "done")
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "description": "the file; 206 with Range, 304 with If-None-Match",
        "content": dict.fromkeys(FORMATS.values(), binary),
    }


def _body(route: Route, message: _Json, names: list[str]) -> _Json:
    if route.body != WHOLE:
        return dict(message[route.body])
    fields = {name: said for name, said in message.items() if name not in names}
    return {"type": "object", "properties": fields, "additionalProperties": False}


def _path_schema(route: Route, name: str, message: _Json) -> _Json:
    if name == "format":
        return {"enum": list(FORMATS)}
    return {"type": "string"} if name == route.body or name not in message else _plain(message[name])


def _plain(said: _Json) -> _Json:
    """A field's schema as it stands in a query: nothing is null there."""
    if "anyOf" not in said:
        return said or {"type": "string"}
    (first, *_) = [one for one in said["anyOf"] if one.get("type") != "null"]
    return dict(first)


def _parameter(name: str, where: str, schema: _Json, description: str = "") -> _Json:
    said = {"name": name, "in": where, "required": where == "path", "schema": schema}
    return {**said, "description": description} if description else said


def _message_operation() -> _Json:
    text = {"type": "string"}
    envelope = {"type": "object", "properties": {"version": {"const": PROTOCOL_VERSION}, "id": text}}
    request: _Json = {
        **envelope,
        "required": ["type"],
        "properties": {
            **envelope["properties"],  # type: ignore[dict-item]
            "type": {"enum": list(REQUESTS)},
            "client": text,
            "token": text,
            "content": {"type": "object"},
        },
    }
    reply: _Json = {
        **envelope,
        "properties": {
            **envelope["properties"],  # type: ignore[dict-item]
            "type": {"enum": [*(f"{kind}.reply" for kind in REPLIES), "error"]},
            "parent": text,
            "session": text,
            "content": {"type": "object"},
        },
    }
    answer = {"description": "the reply", "content": {"application/json": {"schema": reply}}}
    return {
        "operationId": "post_message",
        "summary": "any message of the protocol, as an envelope in JSON",
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {"200": answer, "default": answer},
    }


def _json(model: str, description: str) -> _Json:
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


@cache
def _definitions() -> _Json:
    models: list[type[BaseModel]] = list(
        dict.fromkeys([*REQUESTS.values(), *REPLIES.values(), *EVENTS.values(), Failure])
    )
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    definitions: _Json = made["$defs"]
    return definitions


def _needed(definitions: _Json, models: list[type[BaseModel]]) -> _Json:
    """The definitions of these models, and those that they refer to."""
    wanted = [model.__name__ for model in models]
    for name in wanted:  # grows meanwhile
        referred = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(definitions[name]))
        wanted += [one for one in dict.fromkeys(referred) if one not in wanted]
    return {name: definitions[name] for name in sorted(set(wanted))}


def _text(document: _Json) -> str:
    return json.dumps(document, indent=1) + "\n"


def main() -> None:
    """Writes the three documents."""
    docs = Path(__file__).parents[2] / "docs"
    (docs / "openapi.json").write_text(openapi_text(), encoding="utf-8")
    (docs / "asyncapi.json").write_text(asyncapi_text(), encoding="utf-8")
    guide = docs / "http.md"
    guide.write_text(with_tables(guide.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
