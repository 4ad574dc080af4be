from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_bridge.audio_store import Audio, AudioStore, DamagedAudio


def noise(length_samples: int = 1000, channels: int = 1, seed: int = 0) -> Audio:
    samples = np.random.default_rng(seed).normal(0, 0.1, (length_samples, channels)).astype(np.float32)
    return Audio(samples, 24_000)


@pytest.mark.parametrize("channels", [1, 2])
def test_reads_back_every_bit(tmp_path: Path, channels: int) -> None:
    store, audio = AudioStore(tmp_path), noise(channels=channels)
    sha256 = store.write(audio)
    read = store.read(sha256)
    assert np.array_equal(read.samples, audio.samples)
    assert (read.rate_hz, read.samples.dtype, read.samples.shape) == (24_000, np.float32, (1000, channels))


def test_is_a_float_wav_under_its_hash(tmp_path: Path) -> None:
    store, audio = AudioStore(tmp_path), noise()
    sha256 = store.write(audio)
    path = tmp_path / sha256[:2] / f"{sha256}.wav"
    assert path == store.path(sha256)
    assert soundfile.info(path).subtype == "FLOAT"
    assert list(tmp_path.rglob("*.*")) == [path], "no temporary file is left"


def test_the_same_audio_is_written_once(tmp_path: Path) -> None:
    store, audio = AudioStore(tmp_path), noise()
    before = store.path(store.write(audio)).stat()
    assert store.write(audio) == audio.sha256
    after = store.path(audio.sha256).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_silence_at_two_rates_or_shapes_is_two_sounds() -> None:
    silences = [
        Audio(np.zeros((length, channels), np.float32), rate_hz)
        for length, channels, rate_hz in [
            (100, 1, 24_000),
            (100, 1, 48_000),
            (50, 2, 24_000),
            (99, 1, 24_000),
        ]
    ]
    assert len({audio.sha256 for audio in silences}) == 4


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_no_more_sounds_stay_in_memory_than_there_is_room_for(tmp_path: Path, kept: int) -> None:
    store = AudioStore(tmp_path, sounds_bytes=kept * noise().samples.nbytes)
    sounds = [noise(seed=seed) for seed in range(5)]
    for sound in sounds:
        store.write(sound)
        assert store.cache().memory_bytes <= kept * sound.samples.nbytes
    for sound in sounds:
        assert np.array_equal(store.read(sound.sha256).samples, sound.samples)


def test_damage_is_found_and_mended_by_writing_again(tmp_path: Path) -> None:
    store, audio = AudioStore(tmp_path), noise()
    path = store.path(store.write(audio))
    for damage in (b"", b"not a wav", path.read_bytes()[:-4], path.read_bytes()[:-4] + b"\0\0\0\1"):
        path.write_bytes(damage)
        with pytest.raises(DamagedAudio):
            store.read(audio.sha256)
    path.unlink()
    with pytest.raises(DamagedAudio):
        store.read(audio.sha256)
    store.write(audio)
    assert np.array_equal(store.read(audio.sha256).samples, audio.samples)


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match="no space"):
        AudioStore(tmp_path).write(noise())
    assert list(tmp_path.rglob("*.wav")) == []
