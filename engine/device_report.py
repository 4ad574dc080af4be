"""`python -m engine.device_report`: what torch finds on this machine, as one line of JSON.

A process of its own, for whoever must not load torch.
"""

from __future__ import annotations

import json
import sys

import torch

from engine.precision import fastest_precision


def report() -> dict[str, str]:
    """torch's version, the device that a CPU model renders on, the number type it multiplies in, and
    the CUDA it was built for (empty: none)."""
    precision = str(fastest_precision()).removeprefix("torch.")
    device = f"cuda ({torch.cuda.get_device_name()})" if torch.cuda.is_available() else "cpu"
    return {
        "torch": str(torch.__version__),
        "device": device,
        "cpu_precision": precision,
        "cuda": str(torch.version.cuda or ""),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report()) + "\n")
