"""Scenes as YAML and JSON documents. Safe loaders only; errors give line and column, or the field."""

from __future__ import annotations

import json
from typing import Any

import yaml

from scene_schema.errors import Finding, Refused, shown
from scene_schema.limits import MESSAGE_BYTES
from scene_schema.scene import Scene, check_scene


def scene_from_yaml(text: str) -> Scene:
    """Reads a scene from YAML (JSON is YAML too). Raises `Refused`: `malformed` (line, column), `invalid`."""
    if len(text) > MESSAGE_BYTES:
        raise Refused("too_large", f"a scene document of {len(text)} characters; at most {MESSAGE_BYTES}")
    try:
        data: Any = yaml.safe_load(text)
    except RecursionError as error:
        raise Refused("malformed", "this document is nested too deeply to be a scene") from error
    except yaml.YAMLError as error:
        raise Refused(
            "malformed",
            f"this is not YAML: {_where(error)}",
            remedy="Mend the document there, and send it again.",
        ) from error
    if not isinstance(data, dict):
        finding = Finding(field="$", expected="a scene with the fields id and layers", got=shown(data))
        raise Refused("invalid", "this is not a scene", findings=[finding])
    return check_scene(data)


def scene_to_yaml(scene: Scene) -> str:
    """The scene as YAML, fields in the schema's order, defaults left out."""
    data = scene.model_dump(exclude_defaults=True)
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))


def scene_from_json(text: str | bytes) -> Scene:
    """Reads a scene from JSON. Raises `Refused`: `malformed` with line and column, or `invalid`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("malformed", f"this is not JSON: {error}") from error
    return check_scene(data)


def scene_to_json(scene: Scene) -> str:
    """The scene as indented JSON, all fields written out."""
    return scene.model_dump_json(indent=2)


def _where(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "broken"
    return f"{problem} at line {mark.line + 1}, column {mark.column + 1}" if mark else str(error)
