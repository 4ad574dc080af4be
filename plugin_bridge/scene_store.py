"""Scenes by revision, takes, the stem of each layer, receipts. An acknowledged edit is in the journal.

Reads and writes values through the journal; knows no messages, queue or audio.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from plugin_bridge.journal import Batch, History, Journal, Past, ReceiptRow, Row, TakeRow
from scene_schema.errors import Refused, shown
from scene_schema.rendering import Take
from scene_schema.scene import Scene


@dataclass(frozen=True)
class Kept:
    """One revision of a scene, which layers it made stale, and where it stands among undos: see `undo`."""

    scene: Scene
    revision: int
    stale: tuple[str, ...] = ()
    content_of: int | None = None
    redo: int | None = None


class SceneStore:
    """All scenes of one data folder. Revisions are on disk after the next `commit`, takes at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._newest = journal.newest_revisions()
        self._read: dict[str, Kept] = {}  # the newest revision of scenes that were asked for
        self._audio_of = journal.audio_of_takes()  # take → hash of its audio
        self.takes = set(self._audio_of)
        self.losses = 0  # batches that never reached the disk: what was read meanwhile may not be so
        self._takes_of: dict[str, tuple[str, ...]] = {}  # the other way
        self._turn_over()
        journal.when_lost = self._look_again

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
            row = self._journal.revision(scene_id, revision) if revision < newest else None
            if row is None:
                raise Refused(
                    "not_found",
                    f"scene '{scene_id}' has no revision {revision}",
                    remedy=f"Its revisions are 1 to {newest}.",
                )
            return kept_of(row)
        if scene_id not in self._read:
            row = self._journal.revision(scene_id, newest)
            assert row is not None, f"the journal lost revision {newest} of {scene_id}"
            self._read[scene_id] = kept_of(row)
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

    def rows(self, scene_id: str, first: int, last: int) -> list[Row]:
        """Revisions as the journal has them, for `kept_of` to read: many at once are work for a thread."""
        return self._journal.rows(scene_id, first, last)

    def new_history(self) -> History:
        """For revisions that come from elsewhere; nobody sees them before `keep` is given it."""
        return self._journal.new_history()

    def add_past(self, history: History, past: Sequence[Past]) -> History:
        """Writes some more of a history, durable after the next `commit`; returns it, longer than before."""
        return self._journal.add_past(history, past)

    def remove_past(self, history: History, above: int) -> None:
        """Takes back what was written of a history above a number, unless it belongs to a scene."""
        self._journal.remove_past(history, above)

    def made_by(self, request_id: str, kind: str, request: BaseModel) -> Kept | None:
        """The revision that this very message already made.

        Raises `Refused` (`exists`) where another message had the same id: it would be lost in silence.
        """
        row = self._journal.revision_by_request(request_id)
        if row is None:
            return None
        again = as_text(kind, request)
        if again is None or json.loads(row.request) != json.loads(again):  # older ones have other spaces
            raise id_taken(request_id)
        return kept_of(row)

    def keep(
        self,
        scene: Scene,
        *,
        request_id: str,
        kind: str,
        request: BaseModel,
        stale: list[str],
        stems: Mapping[str, str],
        content_of: int | None = None,
        redo: int | None = None,
        history: History | None = None,
        takes: Sequence[Take] = (),
    ) -> Kept:
        """Writes the next revision, durable after the next `commit`. `stems`: layers that are fresh now.

        Where a scene comes from elsewhere, its `history` becomes the revisions before this one, behind those
        that are here, and its `takes` are kept. `content_of` and `redo` are then numbers among its own.
        """
        said = as_text(kind, request)
        assert said is not None, "a request is held against its rules before it is carried out"
        revision = self._newest.get(scene.id, 0) + 1
        if history is not None:
            content_of, redo = _moved(content_of, revision - 1), _moved(redo, revision - 1)
            revision += history.length
        kept = Kept(scene, revision, tuple(stale), content_of, redo)
        row = Row(
            scene=scene.id,
            revision=revision,
            request_id=request_id,
            request=said,
            snapshot=scene.model_dump_json(),
            stale=json.dumps(stale),
            content_of=content_of,
            redo=redo,
        )
        new = [take for take in takes if take.id not in self.takes]
        layers = {layer.id for layer in scene.layers}
        self._journal.add_revision(row, layers, stems, [_take_row(take) for take in new], history)
        self._newest[scene.id] = kept.revision
        self._read[scene.id] = kept
        for take in new:
            self._know(take)
        return kept

    @property
    def batch(self) -> Batch | None:
        """What is not yet on disk."""
        return self._journal.batch

    def commit(self) -> None:
        """Puts all revisions on disk. Raises sqlite3.Error where that fails: then they were never made."""
        self._journal.commit()

    def write_back(self) -> None:
        """See `Journal.write_back`."""
        self._journal.write_back()

    def _look_again(self) -> None:
        """What the journal lost, we forget."""
        self.losses += 1
        self._newest = self._journal.newest_revisions()
        self._read.clear()
        self._audio_of = self._journal.audio_of_takes()
        self.takes.clear()
        self.takes.update(self._audio_of)
        self._turn_over()

    def _turn_over(self) -> None:
        self._takes_of = {}
        for take_id, audio in self._audio_of.items():
            self._takes_of[audio] = (*self._takes_of.get(audio, ()), take_id)

    def stems(self, scene_id: str) -> dict[str, str]:
        """Layer id → the take that last played for it."""
        return self._journal.stems(scene_id)

    def set_stem(self, scene_id: str, layer_id: str, take_id: str) -> None:
        """This take plays for the layer from now on."""
        self._journal.set_stems(scene_id, {layer_id: take_id})

    def add_take(self, take: Take, scene_id: str, stems: Mapping[str, str]) -> None:
        """Keeps a take for ever, and makes it the stem of the layers in `stems`."""
        self._journal.add_take(_take_row(take), scene_id, stems)
        self._know(take)

    def take(self, take_id: str) -> Take:
        """Raises `Refused` (`not_found`)."""
        text = self._journal.take(take_id)
        if text is None:
            raise Refused("not_found", f"there is no take {shown(take_id)}")
        return Take.model_validate_json(text)

    def forget_take(self, take_id: str) -> None:
        """Lets go of a take whose audio is lost, so that it can be rendered again."""
        self._journal.remove_take(take_id)
        self._unlearn(take_id)

    def forget_takes(self, take_ids: Collection[str]) -> None:
        """Lets go of takes that nobody needs, durable after the next `commit`: their files may go then."""
        self._journal.remove_takes(take_ids)
        for take_id in take_ids:
            self._unlearn(take_id)

    def takes_of(self, audio_sha256: str) -> Collection[str]:
        """The takes whose sound this is; several requests may have made the same."""
        return self._takes_of.get(audio_sha256, ())

    def playing(self, take_ids: Collection[str]) -> set[str]:
        """Those of the takes that are the stem of a layer of any scene."""
        return self._journal.playing(take_ids)

    def receipts(self) -> list[ReceiptRow]:
        """The receipts of delivered files."""
        return self._journal.receipts()

    def keep_receipts(self, new: Sequence[ReceiptRow], gone: Sequence[tuple[str, str]]) -> None:
        """Keeps some and forgets others (folder, key), durable after the next `commit`."""
        self._journal.put_receipts(new, gone)

    def _know(self, take: Take) -> None:
        self._unlearn(take.id)
        self.takes.add(take.id)
        self._audio_of[take.id] = take.audio_sha256
        self._takes_of[take.audio_sha256] = (*self.takes_of(take.audio_sha256), take.id)

    def _unlearn(self, take_id: str) -> None:
        self.takes.discard(take_id)
        audio = self._audio_of.pop(take_id, None)
        if audio is not None:
            left = tuple(one for one in self._takes_of.pop(audio) if one != take_id)
            if left:
                self._takes_of[audio] = left


def id_taken(request_id: str) -> Refused:
    """What to say where two different messages have one id."""
    return Refused(
        "exists",
        f"another message with the id {shown(request_id)} was accepted before",
        remedy="Give every new message a new id; keep the id only to send the same message again.",
    )


def _moved(revision: int | None, by: int) -> int | None:
    """A revision's number once others came before it."""
    return None if revision is None else revision + by


def kept_of(row: Row) -> Kept:
    """The revision in a row of the journal."""
    stale: list[Any] = json.loads(row.stale)
    scene = Scene.model_validate_json(row.snapshot)
    return Kept(scene, row.revision, tuple(stale), row.content_of, row.redo)


def _take_row(take: Take) -> TakeRow:
    return TakeRow(take.id, take.model_dump_json(), take.audio_sha256)


def as_text(kind: str, request: BaseModel) -> str | None:
    """A request as JSON, the same for all that ask the same. None where it holds what JSON has no word for:
    no such request is ever carried out."""
    try:
        return f'{{"type":"{kind}","content":{request.model_dump_json()}}}'
    except ValueError:
        return None
