"""What an engine has promised, and whether its data folder keeps it: read while no engine runs.

The journal is copied before it is looked at, so that looking changes nothing of what the next engine finds.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import soundfile

from plugin_bridge.audio_store import AudioStore, DamagedAudio

_TEMPORARY: Final = (".", "operator.")
"""How names begin that a file has before it is whole."""


@dataclass(frozen=True)
class Edit:
    """One edit of one field. `message_id` is empty for OSC, which has none."""

    scene: str
    layer: str
    name: str
    value: Any
    message_id: str = ""


@dataclass(frozen=True)
class Promise:
    """An edit that was acknowledged, and the revision that it was told to have made."""

    edit: Edit
    revision: int


@dataclass
class Ledger:
    """All promises so far, and which of them were broken.

    Attributes:
        takes: id → sha256 of the audio, of takes that were announced.
        broken: what was lost, in words.
        unreadable: audio files with a final name that are not what that name says.
        leftovers: files with temporary names at the last look.
    """

    promises: list[Promise] = field(default_factory=list)
    takes: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    lost: int = 0
    takes_lost: int = 0
    unreadable: list[str] = field(default_factory=list)
    unreadable_deliveries: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    _looked_at: set[tuple[Path, int, int]] = field(default_factory=set)

    def hold(self, data_dir: Path, since: int = 0) -> None:
        """Holds the data folder against the promises from number `since` on. Raises sqlite3.Error where the
        journal cannot be read."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("journal.sqlite", "journal.sqlite-wal"):
                if (data_dir / name).exists():
                    shutil.copyfile(data_dir / name, Path(folder) / name)
            with sqlite3.connect(Path(folder) / "journal.sqlite") as journal:
                (verdict,) = journal.execute("PRAGMA integrity_check(1)").fetchone()
                if verdict != "ok":
                    raise sqlite3.DatabaseError(f"integrity_check: {verdict}")
                for promise in self.promises[since:]:
                    if (why := _lost(journal, promise)) is not None:
                        self.lost += 1
                        self.broken.append(f"{promise}: {why}")
                kept = {row[0] for row in journal.execute("SELECT id FROM takes")}
            journal.close()
        for take in self.takes.keys() - kept:
            self.takes_lost += 1
            self.broken.append(f"take {take} was announced and is not in the journal")
        self._look_at_audio(data_dir)

    def _look_at_audio(self, data_dir: Path) -> None:
        """Reads every file that was not read before."""
        store = AudioStore(data_dir / "audio")
        self.leftovers = []
        for path in sorted(one for one in data_dir.rglob("*") if one.is_file()):
            if path.name.startswith(_TEMPORARY) and path.name != "operator.token":
                self.leftovers.append(str(path.relative_to(data_dir)))
                continue
            seen = (path, path.stat().st_size, path.stat().st_mtime_ns)
            if path.suffix not in (".wav", ".flac") or seen in self._looked_at:
                continue
            self._looked_at.add(seen)
            if path.is_relative_to(data_dir / "audio"):
                try:
                    store.read(path.stem)
                except DamagedAudio as error:
                    self.unreadable.append(str(error))
            else:
                try:
                    with soundfile.SoundFile(path) as file:
                        whole = len(file.read()) == file.frames > 0
                except soundfile.LibsndfileError:
                    whole = False
                if not whole:
                    self.unreadable_deliveries.append(str(path))
        for sha256 in self.takes.values():
            if not store.path(sha256).exists():
                self.unreadable.append(f"{sha256}: a take was announced, its audio is not there")


def kept_value(scene: dict[str, Any], edit: Edit) -> Any:
    """The field that an edit set, as it stands in a scene."""
    (layer,) = (one for one in scene["layers"] if one["id"] == edit.layer)
    return layer[edit.name]


def _lost(journal: sqlite3.Connection, promise: Promise) -> str | None:
    """Why a promise is broken; None where it is kept."""
    edit = promise.edit
    row = journal.execute(
        "SELECT snapshot, request_id FROM revisions WHERE scene = ? AND revision = ?",
        (edit.scene, promise.revision),
    ).fetchone()
    if row is None:
        return "the revision is not there"
    if edit.message_id and row[1] != edit.message_id:
        return f"the revision was made by {row[1]}"
    found = kept_value(json.loads(row[0]), edit)
    return None if found == edit.value else f"it holds {found!r}"
