"""Drafts as files beside a delivery, for as long as somebody waits for the stems."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from clients.python.deliver_files import Delivered
from clients.python.errors import EngineLost
from clients.python.sync_client import Client
from scene_schema.errors import Refused
from scene_schema.messages import DraftReady

FOLDER: Final = "draft"


class DraftFiles:
    """Delivers drafts into `draft` inside a folder, and takes them away at the end of the `with`.

    What it may not have, it goes without: a draft is over when its stem is there.
    """

    def __init__(
        self,
        client: Client,
        scene: str,
        folder: Path,
        asked: dict[str, Any],
        say: Callable[[Delivered, DraftReady], None],
    ) -> None:
        self._client = client
        self._scene = scene
        self._folder = folder / FOLDER
        self._asked = asked
        self._say = say
        self._threads: list[threading.Thread] = []
        self._paths: set[Path] = set()

    def take(self, ready: DraftReady) -> None:
        """A draft is there. Returns at once: it is called on the client's own thread."""
        thread = threading.Thread(target=self._deliver, args=(ready,), name="stemscape-draft")
        self._threads.append(thread)
        thread.start()

    def _deliver(self, ready: DraftReady) -> None:
        with suppress(Refused, EngineLost, OSError):
            delivered = self._client.deliver(self._scene, self._folder, **self._asked, drafts=True)
            mix = [] if delivered.mix is None else [delivered.mix]
            self._paths |= {*delivered.stems.values(), *mix, delivered.manifest}
            if any(file.draft for file in delivered.delivery.files):
                self._say(delivered, ready)

    def __enter__(self) -> DraftFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        for path in self._paths:
            path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else's files are in it, or it was never made
            self._folder.rmdir()
