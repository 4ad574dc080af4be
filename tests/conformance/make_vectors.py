"""`python -m tests.conformance.make_vectors` writes `vectors/`: messages as bytes, and what they say as JSON.

For people who write a client in another language: NAME.bin is what goes over the wire (ZeroMQ's first frame),
NAME.json what a decoder must find in it. An encoder need not give the same bytes (msgpack allows several for
one number), but what it gives must decode to the same JSON. Times and ids are fixed, so the files never
change by themselves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from scene_schema.envelope import Envelope, as_map, encode
from scene_schema.messages import EVENTS, REPLIES, REQUESTS, Failure

VECTORS: Final = Path(__file__).parent / "vectors"
SESSION: Final = "5e55104e5e55104e5e55104e5e55104e"

_MODEL: Final[dict[str, Any]] = {
    "name": "fake", "title": "Test tones", "weights_sha256": "", "rate_hz": 24000, "channels": 1,
    "latent_rate_hz": 25.0, "shortest_s": 0.2, "longest_s": 600.0, "views": ["speech", "sfx", "music", "env"],
    "transcript": True, "cues": True, "tempo": True, "steps": 4, "guidance": 1.0,
}  # fmt: skip
_SCENE: Final[dict[str, Any]] = {
    "id": "rain", "title": "Straße am Fluß", "duration_s": 9.896907216494846,
    "tempo": {"bpm": 97.0}, "chords": ["C", "F#m", "Bb"],
    "layers": [
        {"id": "env", "view": "env", "caption": "light rain — “soft”", "gain_db": -6.0, "pan": 0.25},
        {"id": "bell", "view": "sfx", "caption": "a bell", "seed": 4294967295,
         "cues": [{"at_s": 0.0}, {"at_s": 2.5, "text": "door"}]},
        {"id": "voice", "view": "speech", "caption": "an old woman",
         "transcript": "こんにちは", "mute": True},
    ],
}  # fmt: skip
_JOB: Final[dict[str, Any]] = {
    "job": "j1", "scene": "rain", "layer": "env", "revision": 2, "state": "running", "stage": "sampling",
    "step": 3, "steps": 8, "position": 0, "seconds_left": 0.25, "owners": ["daw"],
}  # fmt: skip
_TAKE: Final[dict[str, Any]] = {
    "id": "7a4e", "audio_sha256": "00" * 32, "rate_hz": 24000, "channels": 1, "length_samples": 237526,
    "peak_db": -3.0, "rms_db": -20.5, "rendered_s": 0.31,
    "request": {
        "model": "fake", "weights_sha256": "", "view": "env", "caption": "light rain", "transcript": None,
        "cues": [], "tempo": None, "seed": 0, "duration_s": 9.896907216494846, "steps": 4, "guidance": 1.0,
    },
}  # fmt: skip
_ACCEPTED: Final[dict[str, Any]] = {"scene": "rain", "revision": 2, "stale": ["env"], "jobs": [_JOB]}

REQUESTED: Final[dict[str, dict[str, Any]]] = {
    "hello": {},
    "status": {},
    "scene.create": {"scene": _SCENE, "replace": True, "render": True},
    "scene.get": {"scene": "rain", "revision": 1},
    "scene.list": {},
    "scene.edit": {"scene": "rain", "base_revision": 1, "changes": {"tempo": None, "title": "Nacht"}},
    "scene.extend": {"scene": "rain", "duration_s": 20.0},
    "scene.fit": {"scene": "rain", "render": False},
    "scene.compose": {"scene": "rain", "seed": 7},
    "layer.edit": {"scene": "rain", "layer": "env", "changes": {"caption": "storm", "gain_db": -6.0}},
    "layer.add": {"scene": "rain", "layer": {"id": "sea", "view": "env", "caption": "sea"}, "index": 0},
    "layer.remove": {"scene": "rain", "layer": "bell", "render": False},
    "layer.move": {"scene": "rain", "layer": "bell", "index": 0},
    "scene.undo": {"scene": "rain", "base_revision": 2},
    "scene.redo": {"scene": "rain", "render": False},
    "scene.render": {"scene": "rain", "layers": ["env"]},
    "scene.deliver": {
        "scene": "rain",
        "rate_hz": 48000,
        "bit_depth": 16,
        "length_bars": 4,
        "hand_off": "path",
    },
    "scene.export": {"scene": "rain", "revisions": "all"},
    "scene.import": {"path": "/projects/show/rain-r2.stemscape", "as_id": "rain-2"},
    "job.get": {"job": "j1"},
    "job.cancel": {"job": "j1"},
    "jobs.cancel": {"scene": "rain"},
    "transport.get": {},
    "transport.set": {"playing": True, "bpm": 97.0, "position_s": 12.5},
    "engine.load": {},
    "engine.unload": {"worker": 1},
    "engine.stop": {},
}
REPLIED: Final[dict[str, dict[str, Any]]] = {
    "hello": {
        "version": "0.1.0", "protocol": 1, "session": SESSION, "model": _MODEL,
        "events": "tcp://127.0.0.1:47712", "control": "tcp://127.0.0.1:47711",
        "http": "http://127.0.0.1:47713",
    },
    "scene.get": {
        "scene": _SCENE, "revision": 2,
        "layers": [{"layer": "env", "stem": "stale", "take": "7a4e", "job": "j1"}],
    },
    "scene.list": {"scenes": {"rain": 2}},
    "layer.edit": _ACCEPTED,
    "scene.undo": {"scene": "rain", "revision": 3, "stale": [], "jobs": [], "content_of": 1},
    "scene.export": {
        "scene": "rain", "revision": 2, "revisions": 2, "takes": 1, "name": "rain-r2.stemscape",
        "frame": 0, "size_bytes": 4096, "sha256": "00" * 32,
    },
    "job.get": _JOB,
    "transport.set": {"playing": True, "bpm": 97.0, "position_s": 12.5, "set_by": "daw"},
    "engine.unload": {
        "workers": [
            {"state": "rendering", "pid": 4711, "detail": "cuda:0", "device": "cuda:0"},
            {"state": "unloaded", "number": 1, "restarts": 2, "device": "cuda:1"},
        ]
    },
    "engine.stop": {},
}  # fmt: skip
HAPPENED: Final[dict[str, dict[str, Any]]] = {
    "event.scene": {"scene": "rain", "revision": 2, "stale": ["env"], "caused_by": "m-layer.edit"},
    "event.job": _JOB,
    "event.take": {"scene": "rain", "layer": "env", "revision": 2, "take": _TAKE},
    "event.draft": {
        "scene": "rain",
        "layer": "env",
        "revision": 2,
        "job": "j1",
        "draft": {**_TAKE, "id": "d1", "request": {**_TAKE["request"], "steps": 3}},
    },
    "event.worker": {
        "state": "lost",
        "pid": None,
        "restarts": 1,
        "detail": "was ended by SIGKILL",
        "number": 1,
    },
    "event.transport": {"playing": False, "bpm": None, "position_s": 0.0},
    "event.heartbeat": {"session": SESSION, "uptime_s": 86400.5, "worker": "ready"},
}
FAILED: Final[dict[str, Any]] = {
    "code": "invalid", "message": "this edit does not fit the scene",
    "findings": [
        {"field": "$.changes.gain_db", "expected": "should be less than or equal to 12", "got": "60.0"}
    ],
}  # fmt: skip


def vectors() -> dict[str, Envelope]:
    """Every request, the replies and events that teach something, and an error, by name."""
    found = {
        f"request.{kind}": Envelope(
            kind, REQUESTS[kind].model_validate(content).model_dump(mode="json"), id=f"m-{kind}", client="daw"
        )
        for kind, content in REQUESTED.items()
    }
    for kind, content in REPLIED.items():
        said = REPLIES[kind].model_validate(content).model_dump(mode="json")
        found[f"reply.{kind}"] = Envelope(
            f"{kind}.reply", said, id=f"r-{kind}", parent=f"m-{kind}", session=SESSION
        )
    for kind, content in HAPPENED.items():
        said = EVENTS[kind].model_validate(content).model_dump(mode="json")
        found[kind] = Envelope(kind, said, id=f"e-{kind}", parent="m-layer.edit", session=SESSION)
    failure = Failure.model_validate(FAILED).model_dump(mode="json")
    found["error"] = Envelope("error", failure, id="r-error", parent="m-layer.edit", session=SESSION)
    return found


def main() -> None:
    VECTORS.mkdir(exist_ok=True)
    for path in VECTORS.iterdir():
        path.unlink()
    for name, message in vectors().items():
        (VECTORS / f"{name}.bin").write_bytes(encode(message)[0])
        text = json.dumps(as_map(message), ensure_ascii=False, indent=1) + "\n"
        (VECTORS / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"wrote {len(vectors())} messages to {VECTORS.name}")


if __name__ == "__main__":
    main()
