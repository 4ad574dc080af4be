import hashlib
import io
from pathlib import Path

import numpy as np
import soundfile

from scene_schema.messages import Delivery
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room


async def rendered(room: Room) -> None:
    await room.ask("scene.create", {"scene": scene(), "render": True})
    for _ in range(2):
        await room.render()


def test_files_line_up_and_say_what_they_are(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        answer = await room.ask("scene.deliver", {"scene": "rain", "rate_hz": 48_000, "bit_depth": 24})
        delivery = Delivery.model_validate(answer.content)
        assert [file.layer for file in delivery.files] == ["env", "music", None]
        assert [file.frame for file in delivery.files] == [0, 1, 2]
        assert (delivery.rate_hz, delivery.channels, delivery.length_samples) == (48_000, 1, 24_000)
        for file in delivery.files:
            wav = answer.binary[file.frame]
            assert hashlib.sha256(wav).hexdigest() == file.sha256
            samples, rate_hz = soundfile.read(io.BytesIO(wav), always_2d=True)
            assert (rate_hz, samples.shape) == (48_000, (24_000, 1))
        stems = [soundfile.read(io.BytesIO(wav))[0] for wav in answer.binary]
        assert np.max(np.abs(stems[0] + stems[1] - stems[2])) < 2.0**-22
        assert "fake" in delivery.generated_by

    in_room(tmp_path, story)


def test_a_panned_layer_makes_all_files_stereo(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"pan": -0.5}})
        assert (await room.ask("scene.deliver", {"scene": "rain"})).content["channels"] == 2
        assert (await room.ask("scene.deliver", {"scene": "rain", "channels": 1})).content["channels"] == 1

    in_room(tmp_path, story)


def test_a_stale_layer_delivers_its_last_take_and_says_so(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        changes = {"caption": "storm", "mute": True}
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": changes, "render": False})
        files = (await room.ask("scene.deliver", {"scene": "rain"})).content["files"]
        assert [(file["stale"], file["audible"]) for file in files] == [
            (True, False),
            (False, True),
            (False, True),
        ]
        assert files[0]["take"] == room.worker.renders()[0].take

    in_room(tmp_path, story)


def test_a_layer_without_a_take_is_named(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        await room.render()
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert answer.content["code"] == "not_rendered"
        assert "music" in answer.content["message"]
        assert "env" not in answer.content["message"]
        assert "scene.render" in answer.content["remedy"]

    in_room(tmp_path, story)


def test_too_much_is_refused_before_it_is_made(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        answer = await room.ask("scene.deliver", {"scene": "rain", "rate_hz": 192_000})
        assert (answer.content["code"], answer.binary) == ("too_large", ())

    in_room(tmp_path, story, delivery_bytes=100_000)


def test_damaged_audio_is_told_and_can_be_made_again(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        take = room.store.take(room.worker.renders()[0].take)
        other = room.store.take(room.worker.renders()[1].take)
        assert take.audio_sha256 == other.audio_sha256, "the fake worker has one sound"
        room.audio.path(take.audio_sha256).write_bytes(b"rust")
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert answer.content["code"] == "not_rendered"
        assert "damaged" in answer.content["message"]
        assert len((await room.ask("scene.render", {"scene": "rain"})).content["jobs"]) == 1
        await room.render()
        assert (await room.ask("scene.deliver", {"scene": "rain"})).type == "scene.deliver.reply"

    in_room(tmp_path, story)


def test_a_locked_layer_of_another_length_still_lines_up(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"lock": True}})
        edited = await room.ask("scene.edit", {"scene": "rain", "changes": {"duration_s": 0.75}})
        assert (edited.content["stale"], len(edited.content["jobs"])) == (["env", "music"], 1)
        await room.render()
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert [file["stale"] for file in answer.content["files"]] == [True, False, False]
        assert {soundfile.info(io.BytesIO(wav)).frames for wav in answer.binary} == {18_000}

    in_room(tmp_path, story)
