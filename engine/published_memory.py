"""What memory a published model takes once loaded, counted from its files' heads, and what this machine has.

Without torch. Counted are the weights alone; what sampling takes beside them depends on the scene's length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.published import PublishedModel
from engine.stored_tensors import stored_tensors
from scene_schema.errors import Finding, Refused

FLOAT32_BYTES: Final = 4
BFLOAT16_BYTES: Final = 2
SCHEDULE_ONLY: Final = re.compile(r"(^|\.)time_ada(_final)?\.")
"""Tensors that only make the table of the sampling schedule, and need not stay in memory."""
_TEXT_ENCODER: Final = re.compile(r"^(encoder\.|shared\.)")
_COPIES: Final = re.compile(r"^encoder\.embed_tokens\.")  # of `shared`
_CODEC_ENCODER: Final = "encoder."
_CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of the weights that stay in memory."""

    generator_bytes: int
    codec_bytes: int
    text_encoder_bytes: int

    @property
    def total_bytes(self) -> int:
        """Of all pieces."""
        return self.generator_bytes + self.codec_bytes + self.text_encoder_bytes


def memory_need(
    published: PublishedModel,
    *,
    generator_weight_bytes: int = FLOAT32_BYTES,
    skipped: re.Pattern[str] = SCHEDULE_ONLY,
) -> MemoryNeed:
    """What the model takes: generator at `generator_weight_bytes` a weight, the rest in float32.

    Of the codec only the decoder counts, of the text encoder's file only the encoder. Raises `OSError` or
    `ValueError` where the files cannot be read.
    """
    text = published.text_encoder_weights
    generator = {
        name: tensor
        for name, tensor in stored_tensors(published.generator_weights).items()
        if not skipped.search(name)
    }
    codec = {
        name: tensor
        for name, tensor in stored_tensors(published.codec_weights).items()
        if not name.startswith(_CODEC_ENCODER)
    }
    encoder = {name: tensor for name, tensor in stored_tensors(text).items() if _TEXT_ENCODER.search(name)}
    if any(name.startswith("shared.") for name in encoder):
        encoder = {name: tensor for name, tensor in encoder.items() if not _COPIES.search(name)}
    return MemoryNeed(
        generator_bytes=generator_weight_bytes * sum(tensor.weights for tensor in generator.values()),
        codec_bytes=FLOAT32_BYTES * sum(tensor.weights for tensor in codec.values()),
        text_encoder_bytes=FLOAT32_BYTES * sum(tensor.weights for tensor in encoder.values()),
    )


def check_before_loading(
    published: PublishedModel, precision: str, *, gpu_free_bytes: int | None = None
) -> None:
    """Raises `Refused` (`model_failed`) where the weights do not fit into the memory that is free now.

    `precision` of the generator: `float32`, `bfloat16` or `int8` (at least; some of it is wider).
    With `gpu_free_bytes` all of it goes to that GPU; on its way there, the text encoder is in main memory.
    """
    need = memory_need(published, generator_weight_bytes={"float32": 4, "bfloat16": 2, "int8": 1}[precision])
    if gpu_free_bytes is None:
        check_memory(need.total_bytes, available_bytes())
    else:
        check_memory(need.total_bytes, gpu_free_bytes, where="GPU memory")
        check_memory(need.text_encoder_bytes, available_bytes())


def available_bytes() -> int | None:
    """Main memory that can be had now, within the limit of a container; None where nobody can say."""
    try:
        import psutil
    except ImportError:
        return None
    free = int(psutil.virtual_memory().available)
    limit = _container_bytes(_CGROUP)
    return free if limit is None else min(free, limit)


def check_memory(needed_bytes: int, available: int | None, *, where: str = "memory") -> None:
    """Raises `Refused` (`model_failed`) where less is available than is needed. None is taken for enough.

    `where` names the memory: a GPU's own is checked with what its driver says is free.
    """
    if available is None or available >= needed_bytes:
        return
    finding = Finding(
        field=f"free {where}",
        expected=f"{needed_bytes / 1e9:.1f} GB for the weights alone",
        got=f"{available / 1e9:.1f} GB",
    )
    raise Refused(
        "model_failed",
        "this machine has too little free memory for the model",
        findings=[finding],
        remedy="End other programs, use a machine with more memory, or use the model 'compact'.",
    )


def _container_bytes(cgroup: Path) -> int | None:
    """What a container may still take, None without a limit. Its file cache counts, for it gives way."""
    try:
        most = (cgroup / "memory.max").read_text().strip()
        if most == "max":
            return None
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return max(0, int(most) - used + int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0)))
    except (OSError, ValueError):
        return None
