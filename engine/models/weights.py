"""Weights by name: a safetensors file into a module, or one error that says all that is wrong with it.

It knows nothing of what the modules compute, of where files come from or of their licences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from engine.stored_tensors import StoredTensor, shapes, stored_tensors

DERIVED = re.compile(
    r"(^|\.)(rotary\.inv_freq"  # rotary frequencies: follow from the head width
    r"|dummy_param"  # an empty tensor that only marks a device
    r"|istft\.window|spectrogram\.window|mel_scale\.fb"  # mel filters and windows
    r"|num_batches_tracked)$"  # a training counter
)
"""Names a published file may hold and that we do not need."""

SHOWN = 8  # findings listed of each kind; a wrong file has hundreds

Shapes = Mapping[str, tuple[int, ...]]
Of = TypeVar("Of")


class WeightsError(ValueError):
    """A file that does not fit its module. The module is left as it was."""


@dataclass(frozen=True)
class Mismatch:
    """How the tensors found differ from those expected."""

    missing: Shapes
    unexpected: Shapes
    wrong_shape: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]  # name: (expected, found)

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.wrong_shape)

    def lines(self) -> list[str]:
        """One line a finding, at most `SHOWN` of each kind."""
        kinds = (
            [f"missing: {name}, expected {list(shape)}" for name, shape in self.missing.items()],
            [f"unexpected: {name}, found {list(shape)}" for name, shape in self.unexpected.items()],
            [
                f"wrong shape: {name}, expected {list(expected)}, found {list(found)}"
                for name, (expected, found) in self.wrong_shape.items()
            ],
        )
        rows: list[str] = []
        for kind in kinds:
            rows += kind[:SHOWN]
            if len(kind) > SHOWN:
                rows.append(f"{kind[0].partition(':')[0]}: {len(kind) - SHOWN} more")
        return rows


def is_derived(name: str) -> bool:
    """Whether a tensor follows from formulas and sizes, so that files may hold it or not."""
    return DERIVED.search(name) is not None


def module_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a module's tensors; works on the meta device too."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def compare(expected: Shapes, found: Shapes) -> Mismatch:
    """Names and shapes side by side, derived tensors left out."""
    expected = {name: shape for name, shape in expected.items() if not is_derived(name)}
    found = {name: shape for name, shape in found.items() if not is_derived(name)}
    return Mismatch(
        missing={name: shape for name, shape in expected.items() if name not in found},
        unexpected={name: shape for name, shape in found.items() if name not in expected},
        wrong_shape={
            name: (shape, found[name])
            for name, shape in expected.items()
            if name in found and found[name] != shape
        },
    )


def pieces_of(tensors: Mapping[str, Of], prefix: str, other_pieces: tuple[str, ...]) -> dict[str, Of]:
    """The tensors of one module of a file: those whose names start with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix) and not (other_pieces and name.startswith(other_pieces))
    }


Fetch = Callable[[str], Tensor]
"""A tensor by its name in its module, on the CPU."""


def fetch_from(file: Path, module: nn.Module, *, prefix: str = "") -> Fetch:
    """Reads one tensor at a time, by its name in `module`; floating-point ones as float32.

    For what is too large to be in memory twice. Every tensor is read through an opening of its own, so that
    the pages of those read before do not stay in memory.

    Args:
        file: a safetensors file, or the index of several.
        module: says which names and shapes there must be; on the meta device it costs nothing.
        prefix: what stands before those names in the file.

    Raises:
        WeightsError: as `load_weights`, before anything is read.
    """
    found = _found(file, module, prefix, ())

    def fetch(name: str) -> Tensor:
        with safe_open(found[name].file, framework="pt") as stored:
            tensor: Tensor = stored.get_tensor(prefix + name)
        return tensor.to(torch.float32) if tensor.is_floating_point() else tensor

    return fetch


def load_weights(
    module: nn.Module,
    file: Path,
    *,
    prefix: str = "",
    other_pieces: tuple[str, ...] = (),
    dtype: torch.dtype | None = None,
) -> None:
    """Load `file` into `module` by tensor names.

    Args:
        module: its tensors keep their device and type; a module on the meta device takes the file's tensors,
            on the CPU.
        file: a safetensors file, or the index of several.
        prefix: only names that start with it are read, without it: `backbone.` loads a denoiser alone.
        other_pieces: names that start with one of these belong to another module of the same file.
        dtype: floating-point tensors are turned into it on the way in.

    Raises:
        WeightsError: the file is not readable, or has missing, unexpected or wrong-shaped tensors.
    """
    found = _found(file, module, prefix, other_pieces)
    files: dict[Path, list[str]] = {}
    for name in module_shapes(module).keys() & found.keys():
        files.setdefault(found[name].file, []).append(name)
    tensors: dict[str, Tensor] = {}
    try:
        for one, names in files.items():
            with safe_open(one, framework="pt") as stored:
                for name in names:
                    tensor = stored.get_tensor(prefix + name)
                    tensors[name] = tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor
    except (SafetensorError, OSError) as error:
        raise _unreadable(file, error) from error
    on_meta = any(tensor.is_meta for tensor in module.state_dict().values())
    module.load_state_dict(tensors, strict=False, assign=on_meta)


def _found(
    file: Path, module: nn.Module, prefix: str, other_pieces: tuple[str, ...]
) -> dict[str, StoredTensor]:
    """The module's tensors in the file, by their names in the module. Raises `WeightsError`."""
    try:
        found = pieces_of(stored_tensors(file), prefix, other_pieces)
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    mismatch = compare(module_shapes(module), shapes(found))
    if mismatch:
        listed = "\n  ".join(mismatch.lines())
        raise WeightsError(f"{file}: does not fit {type(module).__name__}:\n  {listed}")
    return found


def _unreadable(file: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{file}: expected a safetensors file, got: {error}")
