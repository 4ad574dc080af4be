"""Drafts that may be heard while their stems are made. In memory alone: none outlives its job, or the engine.

To be used from the event loop's thread, but for `read`, which a delivery does from its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from plugin_bridge.audio_store import Audio, AudioStore
from plugin_bridge.planner import Standing
from scene_schema.rendering import RenderJob, Take


@dataclass(frozen=True)
class Draft:
    """What a job would sound like in fewer steps. `take` says what it is; no store knows its id."""

    job: RenderJob
    take: Take
    audio: Audio


class Drafts:
    """One at most for each job on its way, so as few as there are renders at once."""

    def __init__(self) -> None:
        self._of_job: dict[str, Draft] = {}

    def put(self, draft: Draft) -> None:
        self._of_job[draft.job.id] = draft

    def drop(self, job_id: str) -> None:
        """The job ended, or is to stop: what plays is its layer's stem, new or as it was."""
        self._of_job.pop(job_id, None)

    def of(self, standings: Iterable[Standing], scene: str) -> list[Draft]:
        """Those that are what a layer of the scene asks for, and has no stem of."""
        wanted = {(one.layer.id, one.wanted) for one in standings if one.stem != "fresh"}
        return [
            draft
            for draft in self._of_job.values()
            if draft.job.scene == scene and (draft.job.layer, draft.job.take) in wanted
        ]


class WithDrafts:
    """What a delivery plays and reads, some stems replaced by the drafts that there were when it began."""

    def __init__(self, drafts: Iterable[Draft], audio: AudioStore) -> None:
        self._takes: Mapping[str, Take] = {one.job.layer: one.take for one in drafts}
        self._sounds = {one.take.audio_sha256: one.audio for one in drafts}
        self._audio = audio
        self.ids = frozenset(take.id for take in self._takes.values())

    def standings(self, standings: Iterable[Standing]) -> list[Standing]:
        """The same, playing drafts."""
        return [
            replace(one, take=self._takes[one.layer.id].id) if one.layer.id in self._takes else one
            for one in standings
        ]

    def take(self, take_id: str) -> Take | None:
        """The draft with this id."""
        return next((take for take in self._takes.values() if take.id == take_id), None)

    def read(self, sha256: str) -> Audio:
        """As `AudioStore.read`."""
        sound = self._sounds.get(sha256)
        return self._audio.read(sha256) if sound is None else sound
