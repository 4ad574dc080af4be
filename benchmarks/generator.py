"""`python -m benchmarks.generator`: the published generator as we render with it, beside a plain evaluation.

Both read the same file of random weights with the published names and shapes, on the same machine, in the
same run, each in a process of its own so that each has its own peak of memory. Plain is the network as it is
written down (`engine.models.dit`), in float32, both guidance branches as one batch of two, nothing kept
between calls, and one call more at sigma 0, as the published sampler makes it. Ours is
`engine.models.prepared_dit`; what it does once a model is not timed, what it does once an edit is.
No text encoder and no decoder: they cost both the same.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt
import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.audiogen_renderer import VARIANTS as RENDERED
from engine.guidance import EVERYWHERE, GuidedRange, guided
from engine.models.audiogen import AudioGenConfig
from engine.models.dit import DiT
from engine.models.packed_linear import Precision, pack
from engine.models.prepared_dit import PreparedDiT
from engine.models.replay import cuda_graph
from engine.models.weights import fetch_from, load_weights
from engine.precision import fastest_precision
from engine.sampling import guide, sample, sway_sigmas, timestep_of

CONFIGS: Final = {
    "full": {},  # as published
    "small": {
        "latent_dim": 128, "dit_in_chans": 128, "dit_out_chans": 128, "content_dim": 256,
        "dit_embed_dim": 384, "dit_depth": 8, "dit_num_heads": 6,
        "dit_context_dim": 256, "dit_ta_context_dim": 256,
    },
}  # fmt: skip
PUBLISHED: Final = Path(__file__).parent.parent / "tests" / "golden" / "published_tensors.json"
STEPS: Final = 25
GUIDANCE: Final = 5.0
LATENT_RATE_HZ: Final = 25
TOKENS: Final = 96  # of a prompt with four views
SEED: Final = 20
IN_PART: Final = RENDERED["fast"][1]
VARIANTS: Final[dict[str, tuple[Precision, GuidedRange]]] = {
    "float32": ("float32", EVERYWHERE),
    "bfloat16": ("bfloat16", EVERYWHERE),
    "bfloat16, guided in part": ("bfloat16", IN_PART),
    "int8": ("int8", EVERYWHERE),
    "int8, guided in part": ("int8", IN_PART),
}
"""What is measured beside the plain evaluation. The last three are approximations that one asks for."""


def config_of(size: str) -> AudioGenConfig:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))["generator_config"]
    return AudioGenConfig.from_published({**published, **CONFIGS[size]})


def write_weights(size: str, file: Path) -> None:
    """Random weights under the published names: matrices uniform in ±1/√inputs, as torch begins them."""
    with torch.device("meta"):
        shapes = {name: one.shape for name, one in DiT(config_of(size).dit).state_dict().items()}
    drawn = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, shape in shapes.items():
        tensor = torch.empty(shape)
        if len(shape) > 1:
            bound = tensor[0].numel() ** -0.5
            tensor.uniform_(-bound, bound, generator=drawn)
        elif "norm" in name and name.endswith("weight"):
            tensor.fill_(1.0)
        else:
            tensor.uniform_(-0.02, 0.02, generator=drawn)
        tensors[f"backbone.{name}"] = tensor
    save_file(tensors, file)


def inputs(size: str, seconds: float) -> dict[str, Tensor]:
    """Noise (1, C, T), token context (1, L, X), frame context (1, 1, Y)."""
    config = config_of(size).dit
    drawn = torch.Generator().manual_seed(SEED + 1)
    frames = round(seconds * LATENT_RATE_HZ)
    return {
        "noise": torch.randn((1, config.latent_dim, frames), generator=drawn),
        "context": torch.randn((1, TOKENS, config.context_dim), generator=drawn),
        "frame": torch.randn((1, 1, config.frame_context_dim), generator=drawn),
    }


@torch.inference_mode()
def plain(size: str, file: Path, seconds: float, steps: int, device: torch.device) -> tuple[float, Tensor]:
    """Seconds and latents of the plain evaluation."""
    with torch.device("meta"):
        network = DiT(config_of(size).dit)
    load_weights(network, file, prefix="backbone.")
    network.to(device).eval()
    given = {name: one.to(device) for name, one in inputs(size, seconds).items()}
    frame = given["frame"].expand(-1, given["noise"].shape[-1], -1)
    context = torch.cat((given["context"], torch.zeros_like(given["context"])))
    frames = torch.cat((frame, torch.zeros_like(frame)))

    def velocity(latent: Tensor, sigma: Tensor) -> Tensor:
        v: Tensor = network(latent.repeat(2, 1, 1), timestep_of(sigma), context, None, frames)
        return guide(v[:1], v[1:], GUIDANCE)

    start_s = time.perf_counter()
    sigmas = sway_sigmas(steps)
    *_, last = sample(velocity, given["noise"], sigmas)
    velocity(last.latent, sigmas[-1])  # the published sampler's last call, whose step is zero
    latent = last.latent.cpu()
    return time.perf_counter() - start_s, latent


@torch.inference_mode()
def ours(
    size: str, file: Path, seconds: float, steps: int, device: torch.device, variant: str, times: int
) -> tuple[float, float, Tensor]:
    """Seconds to load, seconds a clip (median), latents."""
    precision, where = VARIANTS[variant]
    config = config_of(size).dit
    start_s = time.perf_counter()
    with torch.device("meta"):
        shapes = DiT(config)
    record = cuda_graph if device.type == "cuda" else None
    fetch = fetch_from(file, shapes, prefix="backbone.")
    network = PreparedDiT(config, fetch, precision=precision, device=device, record=record)
    sigmas = sway_sigmas(steps)
    network.prepare_times(timestep_of(sigmas[:-1]).tolist())
    load_s = time.perf_counter() - start_s
    given = inputs(size, seconds)
    taken_s = []
    for _ in range(times):
        start_s = time.perf_counter()
        prompt = network.listen(given["context"], None, given["frame"], empty=1)
        *_, last = sample(guided(network, prompt, GUIDANCE, where), given["noise"].to(device), sigmas)
        latent = last.latent.cpu()
        taken_s.append(time.perf_counter() - start_s)
    return load_s, statistics.median(taken_s), latent


def flops(size: str, seconds: float, steps: int) -> float:
    """Floating-point operations of all guided steps, as we do them: products and attention, nothing else."""
    config = config_of(size).dit
    width, inner, frames = config.width, config.mlp_dim, round(seconds * LATENT_RATE_HZ)
    per_frame = (4 + 3 * inner / width) * width**2 + 2 * frames * width  # both branches
    cross = 2 * width**2 + 2 * TOKENS * width  # the prompted branch alone
    blocks = (config.depth + 1) * (2 * per_frame + cross) + config.depth / 2 * 2 * 2 * width**2
    ends = 2 * (2 * width * config.latent_dim + 3 * config.latent_dim**2)
    return 2.0 * frames * steps * (blocks + ends)


def product_rate(device: torch.device) -> float:
    """bfloat16 operations a second that a large product reaches here: what no step can be quicker than."""
    layer = pack(torch.randn(6144, 1536), None, "bfloat16", device)
    x = torch.randn(500, 1536, device=device).to(torch.bfloat16)
    taken_s = []
    for _ in range(20):
        start_s = time.perf_counter()
        layer(x)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken_s.append(time.perf_counter() - start_s)
    return 2 * 500 * 1536 * 6144 / min(taken_s)


def peak_gb(device: torch.device) -> float:
    """The highest memory of this process, the device's where it is a GPU; in 10⁹ bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * (1 if sys.platform == "darwin" else 1024) / 1e9


def run_side(options: argparse.Namespace, folder: Path) -> None:
    """What one process of the run does; its figures go to a file."""
    file, device = folder / "weights.safetensors", torch.device(options.device)
    if options.side == "weights":
        write_weights(options.size, file)
        return
    said: dict[str, float] = {}
    if options.side == "plain":
        said["seconds"], latent = plain(options.size, file, options.seconds, options.steps, device)
    else:
        said["load_s"], said["seconds"], latent = ours(
            options.size, file, options.seconds, options.steps, device, options.side, options.times
        )
    said["peak_gb"] = peak_gb(device)
    if options.side == "bfloat16":
        said["rate"] = product_rate(device)
    save_file({"latent": latent.contiguous()}, folder / f"{options.side}.safetensors")
    (folder / f"{options.side}.json").write_text(json.dumps(said), encoding="utf-8")


def measure(options: argparse.Namespace, tell: Any) -> dict[str, Any]:
    """Runs every side, one after another, and compares."""
    figures: dict[str, dict[str, float]] = {}
    latents: dict[str, Tensor] = {}
    with tempfile.TemporaryDirectory(prefix="stemscape-bench-") as name:
        folder = Path(name)
        for side in ("weights", "plain", *options.variants):
            tell(side)
            command = [sys.executable, "-m", "benchmarks.generator", "--side", side, "--folder", name]
            for option in ("size", "seconds", "steps", "times", "device"):
                command += [f"--{option}", str(getattr(options, option))]
            subprocess.run(command, check=True)
            if side != "weights":
                figures[side] = json.loads((folder / f"{side}.json").read_text(encoding="utf-8"))
                latents[side] = load_file(folder / f"{side}.safetensors")["latent"]
    exact = latents["plain"]
    rows = []
    for side in options.variants:
        seconds = figures[side]["seconds"]
        rows.append({
            "variant": side,
            "ratio": round(figures["plain"]["seconds"] / seconds, 2),
            "relative_error": float((latents[side] - exact).norm() / exact.norm()),
            "ours_s": round(seconds, 3),
            "load_s": round(figures[side]["load_s"], 2),
            "peak_gb": round(figures[side]["peak_gb"], 2),
        })  # fmt: skip
    main_row = next((row for row in rows if row["variant"] == "bfloat16"), rows[0])
    found = {
        "ratio": main_row["ratio"],
        "relative_error": main_row["relative_error"],
        "plain_s": round(figures["plain"]["seconds"], 3),
        "ours_s": main_row["ours_s"],
        "peak_gb": main_row["peak_gb"],
        "plain_peak_gb": round(figures["plain"]["peak_gb"], 2),
        "device": device_words(options.device),
        "size": options.size,
        "steps": options.steps,
        "seconds": options.seconds,
        "variants": rows,
    }
    if "bfloat16" in figures:
        work = flops(options.size, options.seconds, options.steps)
        found["tflop"] = round(work / 1e12, 2)
        found["limit_s"] = round(work / figures["bfloat16"]["rate"], 2)
    return found


def device_words(device: str) -> str:
    """The card, or the processor and its threads."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    names = [line for line in _cpu_lines() if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else "CPU"
    products = "bfloat16 in hardware" if fastest_precision() is torch.bfloat16 else "bfloat16 emulated"
    return f"{name}, {torch.get_num_threads()} threads, {products}"


def _cpu_lines() -> list[str]:
    info = Path("/proc/cpuinfo")
    return info.read_text(encoding="utf-8").splitlines() if info.exists() else []


def draw(found: dict[str, Any], path: Path) -> None:
    """Seconds a clip and memory, a bar a variant, the limit as a line."""
    names = ["plain float32", *(row["variant"] for row in found["variants"])]
    seconds = [found["plain_s"], *(row["ours_s"] for row in found["variants"])]
    memory = [found["plain_peak_gb"], *(row["peak_gb"] for row in found["variants"])]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.2), sharey=True)
    left.barh(names, seconds, color=["0.7", *["C0"] * len(found["variants"])])
    left.set_xlabel(f"seconds for {found['seconds']:g} s of sound, {found['steps']} steps")
    if "limit_s" in found:
        left.axvline(found["limit_s"], color="C3", label="bfloat16 products alone")
        left.legend(loc="lower right")
    left.invert_yaxis()
    right.barh(names, memory, color=["0.7", *["C0"] * len(found["variants"])])
    right.set_xlabel("highest memory, GB")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generator", description=__doc__)
    parser.add_argument("--size", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--seconds", type=float, default=10.0, help="of sound")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--times", type=int, default=1, help="clips of ours; the median counts")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--variants",
        nargs="+",
        choices=list(VARIANTS),
        default=[name for name in VARIANTS if name != "float32"],
    )
    parser.add_argument("--picture", type=Path, help="draws seconds and memory into this PNG")
    parser.add_argument("--json", action="store_true", help="one object on one line, for machines")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options, options.folder)
        return
    screen = Console(stderr=True)
    with screen.status("weights") as status:
        found = measure(options, status.update)
    if options.picture:
        draw(found, options.picture)
    if options.json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    table = Table(title=f"{options.size}, {options.seconds:g} s, {options.steps} steps, {found['device']}")
    for heading in ("", "seconds", "ratio", "relative error", "memory, GB", "load, s"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("plain float32", f"{found['plain_s']:.2f}", "1", "0", f"{found['plain_peak_gb']:.2f}", "")
    for row in found["variants"]:
        table.add_row(
            row["variant"], f"{row['ours_s']:.2f}", f"{row['ratio']:.2f}", f"{row['relative_error']:.2g}",
            f"{row['peak_gb']:.2f}", f"{row['load_s']:.1f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
