"""An engine of a benchmark's own, in a process of its own, in a folder that goes with it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_S: Final = 20.0  # for it to end


@contextmanager
def private_engine(model: str, *options: str) -> Iterator[dict[str, str]]:
    """Started on free ports with further options; what it said when it was ready."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "plugin_bridge", "--model", model, "--data-dir", folder]
        process = subprocess.Popen(
            [*command, "--port", "0", "--json", "--no-announce", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            said: dict[str, str] = json.loads(process.stdout.readline())
            yield said
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
