"""Makes a delivered folder without an engine: the manifest and WAV files as the SDK leaves them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import soundfile

from clients.python.deliver_files import write_delivery
from scene_schema.messages import DeliveredFile, Delivery
from scene_schema.scene import Scene, check_scene
from tests.clients.fake_bridge import CAPABILITIES

RATE_HZ = 8_000
LENGTH_S = 0.5


def two_layers(caption: str = "light rain", pan: float = 0.0) -> Scene:
    layers = [
        {"id": "voice", "view": "speech", "caption": "a man", "transcript": "hello", "gain_db": -3.0},
        {"id": "rain", "view": "env", "caption": caption, "gain_db": -6.0, "pan": pan},
    ]
    return check_scene({"id": "a", "title": "A test", "duration_s": LENGTH_S, "layers": layers})


def make_folder(
    folder: Path, scene: Scene, pitches_hz: dict[str, float], channels: int = 1, mix_offset: float = 0.0
) -> Path:
    """Delivers tones; the mix is the weighted sum plus `mix_offset`, at a master gain of −1 dB."""
    master_gain_db = -1.0
    times_s = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ
    mix = np.zeros((len(times_s), channels))
    files, frames = [], []
    for layer in scene.layers:
        tone = np.tile(0.2 * np.sin(2 * np.pi * pitches_hz[layer.id] * times_s)[:, None], channels)
        frames.append(wav(tone))
        pans = [min(1.0, 1.0 - layer.pan), min(1.0, 1.0 + layer.pan)] if channels == 2 else [1.0]
        mix += tone * np.array(pans) * 10 ** (layer.gain_db / 20)
        files.append((layer.id, layer.gain_db, layer.pan))
    frames.append(wav(mix * 10 ** (master_gain_db / 20) + mix_offset))
    files.append((None, 0.0, 0.0))
    delivery = Delivery(
        scene=scene.id,
        revision=1,
        rate_hz=RATE_HZ,
        channels=channels,
        length_samples=len(times_s),
        bit_depth=24,
        master_gain_db=master_gain_db,
        sum_error_db=-140.0,
        generated_by="a test",
        files=[
            DeliveredFile(
                name="x.wav",
                frame=place,
                layer=layer,
                gain_db=gain_db,
                pan=pan,
                peak_db=-6.0,
                sha256=hashlib.sha256(frames[place]).hexdigest(),
            )
            for place, (layer, gain_db, pan) in enumerate(files)
        ],
    )
    write_delivery(folder, delivery, frames, scene, CAPABILITIES)
    return folder


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_24")
    return file.getvalue()
