"""Scenes by revision, takes, and the stem of each layer. An acknowledged edit is in the journal.

Reads and writes values through the journal; knows no messages, queue or audio.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from plugin_bridge.journal import Journal, Row
from scene_schema.errors import Refused, shown
from scene_schema.rendering import Take
from scene_schema.scene import Scene


@dataclass(frozen=True)
class Kept:
    """One revision of a scene, and which layers it made stale."""

    scene: Scene
    revision: int
    stale: tuple[str, ...] = ()


class SceneStore:
    """All scenes of one data folder. Nothing is changed in memory before the journal has it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._newest = journal.newest_revisions()
        self._read: dict[str, Kept] = {}  # the newest revision of scenes that were asked for
        self.takes = journal.take_ids()

    def revisions(self) -> dict[str, int]:
        """Every scene's id with its newest revision."""
        return dict(self._newest)

    def exists(self, scene_id: str) -> bool:
        return scene_id in self._newest

    def get(self, scene_id: str, revision: int | None = None) -> Kept:
        """The newest revision, or the one asked for. Raises `Refused` (`not_found`)."""
        newest = self._newest.get(scene_id)
        if newest is None:
            known = ", ".join(list(self._newest)[:20]) or "none yet"
            raise Refused(
                "not_found", f"there is no scene '{scene_id}'", remedy=f"Scenes there are: {known}."
            )
        if revision is not None and revision != newest:
            row = self._journal.revision(scene_id, revision)
            if row is None:
                raise Refused(
                    "not_found",
                    f"scene '{scene_id}' has no revision {revision}",
                    remedy=f"Its revisions are 1 to {newest}.",
                )
            return _kept(row)
        if scene_id not in self._read:
            row = self._journal.revision(scene_id, newest)
            assert row is not None, f"the journal lost revision {newest} of {scene_id}"
            self._read[scene_id] = _kept(row)
        return self._read[scene_id]

    def get_base(self, scene_id: str, base_revision: int | None) -> Kept:
        """The newest revision, if `base_revision` is that or None. Raises `Refused` (`conflict`)."""
        kept = self.get(scene_id)
        if base_revision is not None and base_revision != kept.revision:
            raise Refused(
                "conflict",
                f"this edit starts from revision {base_revision} of scene '{scene_id}', "
                f"the newest is {kept.revision}",
                remedy="Look at the newest scene, which comes with this error, and edit that.",
            )
        return kept

    def made_by(self, request_id: str, kind: str, request: BaseModel) -> Kept | None:
        """The revision that this very message already made.

        Raises `Refused` (`exists`) where another message had the same id: it would be lost in silence.
        """
        row = self._journal.revision_by_request(request_id)
        if row is None:
            return None
        if row.request != _as_text(kind, request):
            raise id_taken(request_id)
        return _kept(row)

    def keep(
        self,
        scene: Scene,
        *,
        request_id: str,
        kind: str,
        request: BaseModel,
        stale: list[str],
        stems: Mapping[str, str],
    ) -> Kept:
        """Writes the next revision, durable when this returns. `stems`: layers that are fresh now."""
        kept = Kept(scene, self._newest.get(scene.id, 0) + 1, tuple(stale))
        row = Row(
            scene=scene.id,
            revision=kept.revision,
            request_id=request_id,
            request=_as_text(kind, request),
            snapshot=scene.model_dump_json(),
            stale=json.dumps(stale),
        )
        self._journal.add_revision(row, {layer.id for layer in scene.layers}, stems)
        self._newest[scene.id] = kept.revision
        self._read[scene.id] = kept
        return kept

    def stems(self, scene_id: str) -> dict[str, str]:
        """Layer id → the take that last played for it."""
        return self._journal.stems(scene_id)

    def set_stem(self, scene_id: str, layer_id: str, take_id: str) -> None:
        """This take plays for the layer from now on."""
        self._journal.set_stems(scene_id, {layer_id: take_id})

    def add_take(self, take: Take, scene_id: str, stems: Mapping[str, str]) -> None:
        """Keeps a take for ever, and makes it the stem of the layers in `stems`."""
        self._journal.add_take(take.id, take.model_dump_json(), scene_id, stems)
        self.takes.add(take.id)

    def take(self, take_id: str) -> Take:
        """Raises `Refused` (`not_found`)."""
        text = self._journal.take(take_id)
        if text is None:
            raise Refused("not_found", f"there is no take {shown(take_id)}")
        return Take.model_validate_json(text)

    def forget_take(self, take_id: str) -> None:
        """Lets go of a take whose audio is lost, so that it can be rendered again."""
        self._journal.remove_take(take_id)
        self.takes.discard(take_id)


def id_taken(request_id: str) -> Refused:
    """What to say where two different messages have one id."""
    return Refused(
        "exists",
        f"another message with the id {shown(request_id)} was accepted before",
        remedy="Give every new message a new id; keep the id only to send the same message again.",
    )


def _kept(row: Row) -> Kept:
    stale: list[Any] = json.loads(row.stale)
    return Kept(Scene.model_validate_json(row.snapshot), row.revision, tuple(stale))


def _as_text(kind: str, request: BaseModel) -> str:
    return json.dumps({"type": kind, "content": request.model_dump(mode="json")}, sort_keys=True)
