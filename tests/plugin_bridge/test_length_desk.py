"""How long a scene should be: asked of the worker, within what the model renders, and not for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from plugin_bridge.length_desk import LengthDesk
from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import ExpectedLength, Failure
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import FAKE, Room, in_room


def answered(said: float | Failure, model: Capabilities = FAKE, wait_s: float = 5.0) -> float:
    """What the desk makes of a worker's answer."""

    async def story() -> float:
        sent: list[Envelope] = []
        desk = LengthDesk(model, sent.append, wait_s)
        asking = asyncio.ensure_future(desk.expected_s("<|env|> rain"))
        await asyncio.sleep(0)
        asked = sent[0].content["id"] if sent else ""
        if isinstance(said, Failure):
            desk.heard(ExpectedLength(id=asked, failure=said))
        else:
            desk.heard(ExpectedLength(id=asked, length_s=said))
        return await asking

    return asyncio.run(story())


@pytest.mark.parametrize(("said_s", "fitting_s"), [(3.014, 3.0), (0.0, 0.2), (7200.0, 600.0), (1.99, 2.0)])
def test_it_fits_the_model_in_whole_frames(said_s: float, fitting_s: float) -> None:
    assert answered(said_s) == fitting_s


def test_what_a_worker_refuses_is_refused() -> None:
    failure = Failure(code="unsupported", message="this text is longer than the model reads")
    with pytest.raises(Refused, match="longer than the model reads"):
        answered(failure)


def test_a_model_without_an_opinion_is_not_asked() -> None:
    with pytest.raises(Refused, match="does not say how long"):
        answered(1.0, FAKE.model_copy(update={"length": False}))


def test_a_worker_that_was_not_there_is_asked_when_it_is() -> None:
    async def story() -> None:
        sent: list[Envelope] = []
        desk = LengthDesk(FAKE, sent.append, 5.0)
        asking = asyncio.ensure_future(desk.expected_s("<|env|> rain"))
        await asyncio.sleep(0)
        desk.worker_ready()
        assert [one.content["id"] for one in sent] == [sent[0].content["id"]] * 2
        desk.heard(ExpectedLength(id="another question", length_s=9.0))
        desk.heard(ExpectedLength(id=sent[0].content["id"], length_s=4.0))
        desk.heard(ExpectedLength(id=sent[0].content["id"], length_s=5.0))
        assert await asking == 4.0
        desk.worker_ready()
        assert len(sent) == 2

    asyncio.run(story())


def test_nobody_waits_for_ever() -> None:
    async def story() -> None:
        desk = LengthDesk(FAKE, lambda _: None, 0.01)
        with pytest.raises(Refused, match=r"within 0\.01 s") as refused:
            await desk.expected_s("<|env|> rain")
        assert refused.value.code == "worker_lost"
        assert "duration_s" in refused.value.remedy

    asyncio.run(story())


def test_a_scene_gets_the_models_own_length_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        twice = [asyncio.ensure_future(room.ask("scene.fit", {"scene": "rain"}, id="fit")) for _ in range(2)]
        await room.say_length(4.0)
        first, second = [await one for one in twice]
        assert first.content == second.content
        assert first.content["revision"] == 2
        assert [job["layer"] for job in first.content["jobs"]] == ["env", "music"]
        kept = await room.ask("scene.get", {"scene": "rain"})
        assert kept.content["scene"]["duration_s"] == 4.0
        again = await room.ask("scene.fit", {"scene": "rain"}, id="fit")
        assert again.content["revision"] == 2

    in_room(tmp_path, story)
