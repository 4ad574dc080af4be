"""Edits that start from what is there, through a real engine with the shipped model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clients.python import Client, LocalEngine
from engine.splice import REACH_S
from scene_schema.errors import Refused
from scene_schema.scene import check_scene

RATE_HZ = 24_000
S = "shore"


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalEngine() as engine, Client(engine.address, timeout_s=60.0) as client:
        client.wait_ready()
        yield client


def fresh(client: Client, **layer: Any) -> None:
    data = {"id": "sea", "view": "env", "caption": "ocean waves", **layer}
    client.create_scene(check_scene({"id": S, "duration_s": 3.0, "layers": [data]}), replace=True)
    client.render(S)


def heard(client: Client, folder: Path) -> np.ndarray:
    delivery = client.deliver(S, folder, rate_hz=RATE_HZ, bit_depth=32)
    samples, _ = soundfile.read(delivery.stems["sea"], dtype="float32")
    return np.asarray(samples)


def edit(client: Client, **changes: Any) -> None:
    client.wait(client.edit_layer(S, "sea", changes))


def test_a_region_is_made_anew_and_the_rest_stays_bit_for_bit(client: Client, tmp_path: Path) -> None:
    fresh(client)
    before = heard(client, tmp_path / "a")
    edit(client, origin={"kind": "region", "from_s": 1.0, "to_s": 2.0})
    after = heard(client, tmp_path / "b")
    first, last = round((1.0 - REACH_S) * RATE_HZ) - 1, round((2.0 + REACH_S) * RATE_HZ) + 1
    assert np.array_equal(before[:first], after[:first])
    assert np.array_equal(before[last:], after[last:])
    inside = slice(RATE_HZ, 2 * RATE_HZ)
    assert not np.allclose(before[inside], after[inside], atol=1e-3)
    client.undo(S)
    assert np.array_equal(heard(client, tmp_path / "c"), before)


def test_a_variation_is_as_near_as_its_strength_says(client: Client, tmp_path: Path) -> None:
    fresh(client)
    before = heard(client, tmp_path / "a")
    far = []
    for strength in (0.0, 0.3, 1.0):
        edit(client, origin={"kind": "variation", "strength": strength})
        far.append(float(np.abs(heard(client, tmp_path / f"{strength}") - before).mean()))
        client.undo(S)
    level = float(np.abs(before).mean())
    assert far[0] < 0.02 * level < far[1] < far[2]


def test_a_scene_is_extended_and_its_beginning_stays(client: Client, tmp_path: Path) -> None:
    fresh(client)
    before = heard(client, tmp_path / "a")
    client.wait(client.extend_scene(S, 5.0))
    after = heard(client, tmp_path / "b")
    kept = len(before) - round((REACH_S + 0.33) * RATE_HZ)
    assert len(after) == 5 * RATE_HZ
    assert np.array_equal(before[:kept], after[:kept])
    assert float(np.abs(after[len(before) :]).mean()) > 0.2 * float(np.abs(before).mean())


@pytest.mark.parametrize("duration_s", [3.0, 3.01])
def test_a_loop_steps_no_more_at_its_turn_than_inside(
    client: Client, tmp_path: Path, duration_s: float
) -> None:
    fresh(client)
    client.edit_scene(S, {"duration_s": duration_s}, render=False)
    edit(client, loop=True)
    loop = heard(client, tmp_path / "a")
    assert len(loop) == round(duration_s * RATE_HZ)
    steps = np.abs(np.diff(loop))
    assert abs(float(loop[0] - loop[-1])) <= float(steps.max())
    edges = np.concatenate([loop[-240:], loop[:240]])  # no fade to nothing at the turn
    assert float(np.sqrt(np.mean(edges**2))) > 0.1 * float(np.sqrt(np.mean(loop**2)))


def test_a_take_that_is_not_there_is_named(client: Client) -> None:
    fresh(client)
    with pytest.raises(Refused) as caught:
        edit(client, origin={"kind": "variation", "take": "0" * 64, "strength": 0.5})
    assert caught.value.code == "not_found"
    assert caught.value.findings[0].field == "$.layers[0].origin.take"
