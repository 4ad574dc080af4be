"""The published model as a renderer, on a folder in the published layout with tiny weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import checkpoint
from engine.audiogen_renderer import AudioGenRenderer
from engine.from_take import ENDING_FRAMES
from engine.models.vocos import Vocos
from engine.renderer import Old, Progress, Sound, alike
from engine.sampling import sample, sway_sigmas
from engine.splice import REACH_S
from scene_schema.errors import Refused
from scene_schema.origin import Continuation, Mix, Region, Variation
from scene_schema.prompt import compose_parts
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


# --- what starts from what is there -------------------------------------------------------------------------

TAKE = "a" * 64


def whole(renderer: AudioGenRenderer, asked: RenderRequest, old: Old | None = None) -> Sound:
    *_, last = renderer.render(asked, old)
    assert isinstance(last, Sound)
    return last


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.fixture(scope="module")
def take(renderer: AudioGenRenderer) -> Old:
    made = whole(renderer, request(renderer, length_s=3.0))
    assert made.latent is not None
    assert made.latent.shape == (24, 75)
    return Old(made.samples, made.latent)


def test_a_variation_is_nearer_the_less_it_is_asked_for(renderer: AudioGenRenderer, take: Old) -> None:
    distances = []
    for strength in (0.0, 0.3, 0.9):
        origin = Variation(kind="variation", take=TAKE, strength=strength)
        varied = whole(renderer, request(renderer, length_s=3.0, origin=origin), take)
        distances.append(distance(varied.samples, take.samples))
    assert distances[0] < 0.05  # what keeping the latent in float16 costs
    assert distances == sorted(distances)


def test_a_region_leaves_the_rest_bit_for_bit(renderer: AudioGenRenderer, take: Old) -> None:
    origin = Region(kind="region", take=TAKE, from_s=1.0, to_s=2.0)
    made = whole(renderer, request(renderer, length_s=3.0, origin=origin, seed=5), take).samples
    reach = round(REACH_S * 16_000)
    assert np.array_equal(made[: 16_000 - reach], take.samples[: 16_000 - reach])
    assert np.array_equal(made[32_000 + reach :], take.samples[32_000 + reach :])
    assert distance(made[18_000:30_000], take.samples[18_000:30_000]) > 0.1


def test_a_continuation_keeps_the_take(renderer: AudioGenRenderer, take: Old) -> None:
    origin = Continuation(kind="continuation", take=TAKE)
    made = whole(renderer, request(renderer, length_s=5.0, origin=origin), take).samples
    kept = len(take.samples) - ENDING_FRAMES * 640 - round(REACH_S * 16_000)
    assert made.shape == (80_000, 1)
    assert np.array_equal(made[:kept], take.samples[:kept])
    assert np.abs(made[48_000:-100]).max() > 0


def test_an_imported_take_is_read_out_of_its_sound(renderer: AudioGenRenderer, take: Old) -> None:
    origin = Variation(kind="variation", take=TAKE, strength=0.3)
    made = whole(renderer, request(renderer, length_s=3.0, origin=origin), Old(take.samples, None)).samples
    assert made.shape == take.samples.shape
    assert np.isfinite(made).all()


def test_a_loop_runs_into_its_beginning(renderer: AudioGenRenderer) -> None:
    """Across the wrap the samples move as they do elsewhere, where an ordinary clip is faded out and in."""
    looped = whole(renderer, request(renderer, length_s=2.0, loop=True)).samples[:, 0]
    steps = np.abs(np.diff(looped))
    assert looped.shape == (32_000,)
    assert abs(looped[0] - looped[-1]) <= np.quantile(steps, 0.999)
    assert np.abs(looped[:16]).max() > 0.01 * np.abs(looped).max()


@pytest.mark.parametrize("looped", [False, True])
@torch.inference_mode()
def test_coherent_stems_add_up_to_the_mix_that_they_are_of(renderer: AudioGenRenderer, looped: bool) -> None:
    parts = [
        {"view": "env", "caption": "rain on a roof", "seed": 1},
        {"view": "music", "caption": "soft piano", "seed": 2},
        {"view": "speech", "caption": "a woman", "transcript": "come in", "seed": 3},
    ]
    stems = []
    for place, part in enumerate(parts):
        origin = Mix.model_validate(
            {"kind": "mix", "seed": 4, "scene_caption": "an evening", "parts": parts, "place": place}
        )
        asked = request(
            renderer,
            length_s=2.0,
            origin=origin,
            loop=looped,
            view=part["view"],
            caption=part["caption"],
            transcript=part.get("transcript"),
            seed=part["seed"],
        )
        made = whole(renderer, asked)
        assert made.report is not None
        assert made.report.route == "coherent"
        assert made.report.sum_error is not None and made.report.sum_error <= 1e-4
        assert made.report.leakage is not None and 0.0 <= made.report.leakage <= 1.0
        stems.append(made.samples)
        if place == 0:
            mix_request = asked
    # the mix itself, rendered plainly under the whole scene's prompt
    mix = renderer._listen([compose_parts(mix_request.origin)])  # type: ignore[arg-type]
    *_, last = sample(renderer._velocity(mix, mix_request), renderer._noise(4, 50), sway_sigmas(3))
    wanted = renderer._decoded(last.latent, mix_request)[0]
    got = np.sum(stems, axis=0)[:, 0]
    inside = slice(64, -64)  # every clip's edges are faded
    gain = float(np.dot(got[inside], wanted[inside]) / np.dot(wanted[inside], wanted[inside]))
    assert 0.0 < gain <= 1.0 + 1e-6
    assert np.abs(got - gain * wanted)[inside].max() <= 1e-4
    assert max(np.abs(stem).max() for stem in stems) <= 10 ** (-3 / 20) + 1e-6


def test_a_stem_is_guided_away_from_what_the_other_layers_say(renderer: AudioGenRenderer) -> None:
    plain = sound(renderer, request(renderer))
    apart = sound(renderer, request(renderer, apart_from=["a loud siren", "a man speaking"]))
    assert distance(apart, plain) > 1e-3


@pytest.mark.parametrize("apart", [[], ["a loud siren"]])
def test_a_batch_gives_what_its_stems_are_alone(renderer: AudioGenRenderer, apart: list[str]) -> None:
    """But for what another number of rows rounds."""
    requests = [
        request(renderer, apart_from=apart),
        request(renderer, caption="a large bell in a tower", seed=4, apart_from=apart),
        request(renderer, seed=9, apart_from=apart),
    ]
    assert all(alike(requests[0], one) for one in requests)
    *progress, stems = renderer.render_together(requests)
    assert isinstance(stems, list)
    assert [event.stage for event in progress if isinstance(event, Progress)] == [
        "text", "sampling", "sampling", "sampling", "decoding",
    ]  # fmt: skip
    for one, stem in zip(requests, stems, strict=True):
        alone = sound(renderer, one)
        assert distance(stem.samples, alone) < 0.03
        assert stem.latent is not None
    assert distance(stems[0].samples, stems[2].samples) > 0.1


def test_what_is_rendered_in_another_way_is_no_batch(renderer: AudioGenRenderer) -> None:
    one = request(renderer)
    varied = {"origin": Variation(kind="variation", take="a" * 64, strength=0.5)}
    for changes in ({"steps": 4}, {"loop": True}, {"guidance": 1.0}, {"apart_from": ["wind"]}, varied):
        assert not alike(one, request(renderer, **changes))
    assert not alike(one, request(renderer, length_s=2.0))
    assert not alike(request(renderer, **varied), request(renderer, **varied))
