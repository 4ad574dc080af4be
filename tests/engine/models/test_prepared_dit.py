"""The denoiser made ready for rendering gives the numbers of the plain one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engine.guidance import GuidedRange, guided
from engine.models.dit import DiT, DiTConfig
from engine.models.packed_linear import Precision, pack
from engine.models.prepared_dit import PreparedDiT, Prompt
from engine.models.replay import SHAPES_KEPT, Replay, cuda_graph
from engine.models.weights import WeightsError, fetch_from
from engine.sampling import sample, sway_sigmas, timestep_of
from tests.engine.models import golden

CPU = torch.device("cpu")
SIZES = DiTConfig(
    latent_dim=12, width=64, depth=4, heads=4, mlp_ratio=4.0, context_dim=20, frame_context_dim=10
)
GENERATED = golden.tensors("audiogen_tiny_golden")
EXACT = 1e-5
ROUNDED = {"bfloat16": 0.02, "int8": 0.05}  # of the network's loudest value, for weights drawn at random


@pytest.fixture(scope="module")
def plain() -> DiT:
    """A denoiser whose every parameter counts, norms' and biases' included."""
    drawn = torch.Generator().manual_seed(3)
    module = DiT(SIZES).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=drawn)
            if parameter.dim() == 1:
                parameter.add_(noise * 0.2)
            else:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
    return module


def prepared(module: DiT, precision: Precision = "float32") -> PreparedDiT:
    return PreparedDiT.of(module, precision=precision)


@torch.no_grad()
def both_ways(
    plain: DiT, network: PreparedDiT, *, frames: int = 9, per_frame: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two prompts of different length and one empty item, asked plainly and prepared."""
    drawn = torch.Generator().manual_seed(5)
    latent = torch.randn(3, SIZES.latent_dim, frames, generator=drawn)
    context = torch.randn(2, 7, SIZES.context_dim, generator=drawn)
    mask = torch.arange(7)[None] < torch.tensor([[7], [3]])
    frame = torch.randn(2, frames if per_frame else 1, SIZES.frame_context_dim, generator=drawn)
    got = network.velocity(latent, 731, network.listen(context, mask, frame, empty=1))
    expected = plain(
        latent,
        731.9,
        torch.cat((context, torch.zeros(1, 7, SIZES.context_dim))),
        torch.cat((mask, mask[:1])),
        torch.cat((frame.expand(2, frames, -1), torch.zeros(1, frames, SIZES.frame_context_dim))),
    )
    return got, expected


@pytest.mark.parametrize("per_frame", [False, True])
def test_in_float32_it_is_the_plain_network(plain: DiT, per_frame: bool) -> None:
    got, expected = both_ways(plain, prepared(plain), per_frame=per_frame)
    assert golden.relative_error(got, expected) <= EXACT


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_other_number_types_round_and_nothing_else(plain: DiT, precision: Precision) -> None:
    got, expected = both_ways(plain, prepared(plain, precision))
    error = golden.relative_error(got, expected)
    assert EXACT < error <= ROUNDED[precision]


def golden_prompt(network: PreparedDiT) -> Prompt:
    model = golden.tiny_audiogen()
    content = model.read(GENERATED["text_hidden"], GENERATED["text_mask"])
    given = model.condition(content, GENERATED["text_mask"], model.frames(content))
    return network.listen(
        given.context,
        given.context_mask,
        given.frame_context[:, :1],
        frame_mask=torch.cat((given.latent_mask, given.latent_mask)),
        empty=2,
    )


@pytest.mark.parametrize("name", sorted(name for name in GENERATED if name.startswith("latent_steps")))
@torch.no_grad()
def test_it_samples_the_published_latents(name: str) -> None:
    """tests/golden/audiogen_tiny_golden.safetensors, whose clips differ in length and are masked."""
    found = re.fullmatch(r"latent_steps(\d+)_sway(-?\d+)_cfg(\d+)", name)
    assert found is not None
    network = prepared(golden.tiny_audiogen().backbone)
    velocity = guided(network, golden_prompt(network), float(found[3]))
    *_, last = sample(velocity, GENERATED["noise"], sway_sigmas(int(found[1]), float(found[2])))
    golden.assert_agrees(last.latent, GENERATED[name])


@torch.no_grad()
def test_outside_the_guided_range_only_the_conditional_branch_is_asked() -> None:
    network = prepared(golden.tiny_audiogen().backbone)
    prompt, noise = golden_prompt(network), GENERATED["noise"]
    partly = guided(network, prompt, 5.0, GuidedRange(0.2, 0.8))
    never, always = guided(network, prompt, 1.0), guided(network, prompt, 5.0)
    for sigma, same, other in ((0.9, never, always), (0.5, always, never), (0.1, never, always)):
        level = torch.tensor(sigma)
        assert torch.equal(partly(noise, level), same(noise, level))
        assert not torch.allclose(partly(noise, level), other(noise, level))


@torch.no_grad()
def test_a_batch_too_large_is_split_and_says_the_same() -> None:
    network = prepared(golden.tiny_audiogen().backbone)
    prompt, noise, level = golden_prompt(network), GENERATED["noise"], torch.tensor(0.5)
    whole = guided(network, prompt, 5.0)(noise, level)
    for frames_at_once in (1, noise.shape[-1] * 2):
        split = guided(network, prompt, 5.0, frames_at_once=frames_at_once)(noise, level)
        assert golden.relative_error(split, whole) <= EXACT


@torch.no_grad()
def test_a_clip_can_be_guided_away_from_another_prompt(plain: DiT) -> None:
    """Instead of the empty branch: two prompts, the second one to sound unlike."""
    network = prepared(plain)
    drawn = torch.Generator().manual_seed(7)
    context, frame = torch.randn(2, 5, 20, generator=drawn), torch.randn(2, 1, 10, generator=drawn)
    latent, level = torch.randn(1, 12, 9, generator=drawn), torch.tensor(0.5)
    got = guided(network, network.listen(context, None, frame), 3.0)(latent, level)
    like, unlike = plain(latent.repeat(2, 1, 1), 500, context, None, frame.expand(-1, 9, -1)).chunk(2)
    assert golden.relative_error(got, unlike + 3.0 * (like - unlike)) <= EXACT


def test_a_known_schedule_needs_no_weights_any_more(plain: DiT) -> None:
    state = dict(plain.state_dict())
    network = PreparedDiT(SIZES, lambda name: state[name], precision="float32", device=CPU)
    network.prepare_times(timestep_of(sway_sigmas(4)[:-1]).tolist())
    network.prepare_times([731])
    first, _ = both_ways(plain, network)
    state.clear()
    again, _ = both_ways(plain, network)
    assert torch.equal(first, again)
    with pytest.raises(KeyError):
        network.prepare_times([732])


def test_weights_come_from_a_file_one_by_one(plain: DiT, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file({f"backbone.{name}": one for name, one in plain.state_dict().items()}, file)
    network = PreparedDiT(SIZES, fetch_from(file, plain, prefix="backbone."), precision="float32", device=CPU)
    got, expected = both_ways(plain, network)
    assert golden.relative_error(got, expected) <= EXACT


def test_a_file_that_does_not_fit_is_refused_before_it_is_read(plain: DiT, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = {f"backbone.{name}": one for name, one in plain.state_dict().items()}
    del state["backbone.mid_block.attn.to_q.weight"]
    save_file(state, file)
    with pytest.raises(WeightsError, match=r"missing: mid_block\.attn\.to_q\.weight, expected \[64, 64\]"):
        fetch_from(file, plain, prefix="backbone.")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_multiplies(precision: Precision, bias: bool) -> None:
    drawn = torch.Generator().manual_seed(1)
    weight, x = torch.randn(24, 32, generator=drawn), torch.randn(2, 5, 32, generator=drawn)
    add = torch.randn(24, generator=drawn) if bias else None
    expected = torch.nn.functional.linear(x, weight, add)
    dtype = torch.float32 if precision == "float32" else torch.bfloat16
    got = pack(weight, add, precision, CPU)(x.to(dtype))
    assert got.dtype == dtype
    assert golden.relative_error(got.float(), expected) <= {"float32": 1e-6, **ROUNDED}[precision]


def test_silence_through_int8_is_the_bias() -> None:
    out = pack(torch.ones(3, 4), torch.tensor([1.0, 2.0, 4.0]), "int8", CPU)(torch.zeros(1, 2, 4))
    assert out.tolist() == [[[1.0, 2.0, 4.0]] * 2]


def fake_record(work: Replay) -> Replay:
    """Stands in for a GPU's recorder: like that, each replay reads what now stands in the same tensors, and
    writes into the same result."""
    result = work()
    return lambda: result.copy_(work())


def test_replays_give_what_running_each_step_gives(plain: DiT) -> None:
    """Steps under several prompts, shapes and times in turn; no answer is written over by a later one."""
    network = prepared(plain)
    replayed = PreparedDiT.of(plain, precision="float32", record=fake_record)
    drawn = torch.Generator().manual_seed(8)

    def told(tokens: int, empty: int) -> Prompt:
        context = torch.randn(2, tokens, SIZES.context_dim, generator=drawn)
        mask = torch.arange(tokens)[None] < torch.tensor([[tokens], [2]])
        frame = torch.randn(2, 1, SIZES.frame_context_dim, generator=drawn)
        return network.listen(context, mask, frame, empty=empty)

    prompts = [told(5, 0), told(5, 0), told(7, 2)]
    answers = []
    for prompt, frames, timestep in [
        (0, 9, 900),
        (1, 9, 500),
        (0, 9, 900),
        (2, 9, 900),
        (2, 4, 20),
        (1, 9, 20),
    ]:
        latent = torch.randn(prompts[prompt].items, SIZES.latent_dim, frames, generator=drawn)
        expected = network.velocity(latent, timestep, prompts[prompt])
        answers.append((expected, replayed.velocity(latent, timestep, prompts[prompt])))
    for expected, got in answers:
        assert torch.equal(expected, got)


def test_replays_of_few_shapes_are_kept(plain: DiT) -> None:
    recorded = []

    def counted(work: Replay) -> Replay:
        recorded.append(work)
        return fake_record(work)

    network = PreparedDiT.of(plain, precision="float32", record=counted)
    prompt = network.listen(
        torch.ones(1, 3, SIZES.context_dim), None, torch.ones(1, 1, SIZES.frame_context_dim)
    )
    lengths = [*range(1, SHAPES_KEPT + 2), SHAPES_KEPT + 1, 1]  # the first is let go of, the last is there
    for frames in lengths:
        network.velocity(torch.zeros(1, SIZES.latent_dim, frames), 10, prompt)
    assert len(recorded) == SHAPES_KEPT + 2
    network.release()
    network.velocity(torch.zeros(1, SIZES.latent_dim, 1), 10, prompt)
    assert len(recorded) == SHAPES_KEPT + 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_gives_what_running_each_step_gives(plain: DiT) -> None:
    device = torch.device("cuda")
    both = [
        PreparedDiT.of(plain, precision="bfloat16", device=device, record=record)
        for record in (None, cuda_graph)
    ]
    drawn = torch.Generator().manual_seed(8)
    for timestep in (900, 500, 20):
        context = torch.randn(2, 7, SIZES.context_dim, generator=drawn)
        latent = torch.randn(4, SIZES.latent_dim, 16, generator=drawn)
        frame = torch.ones(2, 1, SIZES.frame_context_dim)
        expected, got = (
            one.velocity(latent, timestep, one.listen(context, None, frame, empty=2)).cpu() for one in both
        )
        assert golden.relative_error(got, expected) <= ROUNDED["bfloat16"]
