"""The name of a sound: a hash over everything that makes it, the same on every machine and run. Pure."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel


def canonical(value: BaseModel) -> bytes:
    """The value as JSON with sorted keys and no spaces: equal values give equal bytes."""
    data = value.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def identity(value: BaseModel) -> str:
    """SHA-256 of the canonical form, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
