"""One real engine with the fake model, shared by the tests that need one; each test names its own scenes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from clients.python import Client, LocalEngine
from scene_schema.scene import Scene, check_scene

_numbers = itertools.count()


@pytest.fixture(scope="session")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine("fake") as running:
        with Client(running.address) as client:
            client.wait_ready()
        yield running


@pytest.fixture
def client(engine: LocalEngine) -> Iterator[Client]:
    with Client(engine.address) as connected:
        yield connected


@pytest.fixture
def new_scene() -> Callable[..., Scene]:
    """Makes a scene that the shared engine has not seen."""

    def make(caption: str = "light rain", duration_s: float = 1.0) -> Scene:
        number = next(_numbers)
        layers = [
            {"id": "voice", "view": "speech", "caption": "a man", "transcript": f"take {number}"},
            {"id": "door", "view": "sfx", "caption": "a door slams", "cues": [{"at_s": 0.5}], "seed": number},
            {"id": "rain", "view": "env", "caption": caption, "gain_db": -6.0, "seed": number},
        ]
        return check_scene({"id": f"scene-{number}", "duration_s": duration_s, "layers": layers})

    return make
