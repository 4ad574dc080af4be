"""The published model as a renderer, on a folder in the published layout with tiny weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import checkpoint
from engine.audiogen_renderer import AudioGenRenderer
from engine.models.vocos import Vocos
from engine.renderer import Progress, Sound
from engine.sampling import sample, sway_sigmas
from scene_schema.errors import Refused
from scene_schema.rendering import RenderRequest, request_for
from scene_schema.scene import check_scene
from tests.make_tiny_published import make_tiny_published


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    make_tiny_published(made)
    return made


@pytest.fixture(scope="module")
def renderer(folder: Path) -> AudioGenRenderer:
    return AudioGenRenderer.load(checkpoint.find(str(folder)), threads=0)


def request(renderer: AudioGenRenderer, *, length_s: float = 1.5, **changes: object) -> RenderRequest:
    layer = {"id": "rain", "view": "env", "caption": "rain on a roof"}
    scene = check_scene({"id": "scene", "duration_s": length_s, "layers": [layer]})
    made = request_for(scene, scene.layers[0], renderer.capabilities)
    return made.model_copy(update={"steps": 3, **changes})


def sound(renderer: AudioGenRenderer, asked: RenderRequest) -> np.ndarray:
    *progress, last = renderer.render(asked)
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(last, Sound)
    assert last.rate_hz == 16_000
    return last.samples


@pytest.mark.parametrize("length_s", [0.5, 1.234, 12.0])
def test_a_stem_is_as_long_as_asked_and_below_the_ceiling(
    renderer: AudioGenRenderer, length_s: float
) -> None:
    samples = sound(renderer, request(renderer, length_s=length_s))
    assert samples.shape == (round(length_s * 16_000), 1)
    assert samples.dtype == np.float32
    assert 0.0 < np.abs(samples).max() <= 10 ** (-3 / 20) + 1e-6


def test_every_step_is_told(renderer: AudioGenRenderer) -> None:
    *events, _ = renderer.render(request(renderer))
    told = [(event.stage, event.step, event.steps) for event in events if isinstance(event, Progress)]
    assert told == [("text", 1, 1), *(("sampling", step, 3) for step in (1, 2, 3)), ("decoding", 1, 1)]


def test_same_request_same_bits_other_seed_or_words_other_sound(renderer: AudioGenRenderer) -> None:
    first = sound(renderer, request(renderer))
    assert np.array_equal(first, sound(renderer, request(renderer)))
    assert not np.allclose(first, sound(renderer, request(renderer, seed=1)), atol=1e-3)
    assert not np.allclose(first, sound(renderer, request(renderer, caption="a loud siren")), atol=1e-3)


def test_a_fresh_renderer_gives_the_same_bits(renderer: AudioGenRenderer, folder: Path) -> None:
    again = AudioGenRenderer.load(checkpoint.find(str(folder)), threads=0)
    asked = request(renderer)
    sound(renderer, request(renderer, caption="something else first"))
    assert np.array_equal(sound(renderer, asked), sound(again, asked))


@torch.no_grad()
def test_it_is_the_published_computation(renderer: AudioGenRenderer, folder: Path) -> None:
    """Prompt, text states, adapter, sampler, decoder, put together plainly: the reference modules alone."""
    from engine.models.audiogen import decoder_config
    from engine.models.weights import load_weights
    from engine.published import open_published
    from engine.text_reader import TextReader
    from tests.engine.models import golden

    opened = open_published(folder)
    model = golden.tiny_audiogen()
    text = TextReader.load(opened.text_encoder, max_tokens=512)
    states, mask = text.read(["<|caption|> rain on a roof <|env|> rain on a roof"])
    given = model.condition(model.read(states, mask), mask, torch.tensor([38]))
    noise = torch.randn((1, 24, 38), generator=torch.Generator().manual_seed(0))
    *_, last = sample(model.velocity(given, 5.0), noise, sway_sigmas(3))
    codec = Vocos(decoder_config(opened.codec_config)).eval()
    load_weights(codec, opened.codec_weights, other_pieces=("encoder.",))
    expected = codec(last.latent)[0].numpy()
    got = sound(renderer, request(renderer))[:, 0]
    # the renderer multiplies in bfloat16 where that is fast; the fade at both ends is its own
    inside = slice(100, len(got) - 100)
    error = np.linalg.norm(got[inside] - expected[: len(got)][inside]) / np.linalg.norm(expected)
    assert error < 0.05


def test_it_says_how_long_it_would_make_a_clip(renderer: AudioGenRenderer) -> None:
    assert 0.0 < renderer.expected_s("<|caption|> rain on a roof") < 60.0


def test_variants_are_models_of_their_own(renderer: AudioGenRenderer, folder: Path) -> None:
    plain = sound(renderer, request(renderer))
    for variant in ("int8", "fast"):
        found = checkpoint.find(f"{folder}+{variant}")
        varied = AudioGenRenderer.load(found, threads=0)
        asked = request(varied)
        assert asked.model == f"tiny+{variant}"
        assert not np.array_equal(sound(varied, asked), plain)
    with pytest.raises(Refused, match="no variant 'int9'"):
        checkpoint.find(f"{folder}+int9")
    with pytest.raises(Refused, match="'compact' has no variant"):
        checkpoint.find("compact+int8")


@pytest.mark.parametrize(
    ("piece", "name", "shape", "said"),
    [
        ("generator", "backbone.mid_block.attn.to_q.weight", (3, 3), r"wrong shape: mid_block\.attn\.to_q"),
        ("generator", "content_adapter.norm.weight", None, r"missing: content_adapter\.norm\.weight"),
        ("codec", "decoder.head.out.bias", None, r"missing: decoder\.head\.out\.bias"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    folder: Path, tmp_path: Path, piece: str, name: str, shape: tuple[int, ...] | None, said: str
) -> None:
    broken = tmp_path / "broken"
    make_tiny_published(broken)
    file = broken / piece / "model.safetensors"
    tensors = load_file(file)
    if shape is None:
        del tensors[name]
    else:
        tensors[name] = torch.zeros(shape)
    save_file(tensors, file)
    with pytest.raises(Refused, match=said):
        AudioGenRenderer.load(checkpoint.find(str(broken)), threads=0)


def test_a_codec_of_another_model_is_refused(tmp_path: Path) -> None:
    from tests.make_tiny_published import make_tiny_codec

    mixed = tmp_path / "mixed"
    make_tiny_published(mixed)
    make_tiny_codec(mixed / "codec", latent_dim=64)
    with pytest.raises(Refused, match="expected 24 latent channels and 640 samples a frame"):
        AudioGenRenderer.load(checkpoint.find(str(mixed)), threads=0)
