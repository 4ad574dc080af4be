"""What survives a kill: revisions, takes and stems, in one SQLite file. Knows SQL and no scenes.

Every method that writes returns after the disk has it (write-ahead log, `synchronous=FULL`). The file is
held exclusively while it is open, so one data folder has one bridge; a kill releases it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scene_schema.errors import Refused

_FORMAT: Final = 1

_TABLES: Final = """
CREATE TABLE revisions (
    scene TEXT NOT NULL,
    revision INTEGER NOT NULL,
    request_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,       -- the message that made this revision: {"type": ..., "content": ...}
    snapshot TEXT NOT NULL,      -- the whole scene after it
    stale TEXT NOT NULL,         -- ids of the layers that it made stale
    written_at REAL NOT NULL,    -- seconds since 1970
    PRIMARY KEY (scene, revision)
) WITHOUT ROWID;
CREATE TABLE takes (id TEXT PRIMARY KEY, take TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stems (
    scene TEXT NOT NULL, layer TEXT NOT NULL, take TEXT NOT NULL, PRIMARY KEY (scene, layer)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Row:
    """One revision as it is written: JSON texts, not yet read."""

    scene: str
    revision: int
    request_id: str
    request: str
    snapshot: str
    stale: str


class Journal:
    """An open journal. Raises `Refused` where another bridge has it or it is not a journal of ours."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            self._open()
        except sqlite3.Error as error:
            self._db.close()
            raise _cannot_open(path, error) from error
        except Refused:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self._writing():  # the first write takes the lock, and exclusive mode keeps it
            (found,) = self._db.execute("PRAGMA user_version").fetchone()
            if found > _FORMAT:
                raise Refused(
                    "version",
                    f"this journal has format {found}, this engine knows formats up to {_FORMAT}",
                    remedy="Use the newer engine, or another --data-dir.",
                )
            if found == 0:
                for statement in _TABLES.split(";\n"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={_FORMAT}")

    def close(self) -> None:
        """Writes the log back into the file and lets go of it."""
        self._db.close()

    def add_revision(self, row: Row, layers: Collection[str], stems: Mapping[str, str]) -> None:
        """Keeps a revision. `stems` are takes that its layers found ready; stems of layers that are not among
        `layers` any more are let go (their takes stay)."""
        with self._writing():
            self._db.execute(
                "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (row.scene, row.revision, row.request_id, row.request, row.snapshot, row.stale, time.time()),
            )
            there = self._db.execute("SELECT layer FROM stems WHERE scene = ?", (row.scene,)).fetchall()
            gone = [(row.scene, layer) for (layer,) in there if layer not in layers]
            self._db.executemany("DELETE FROM stems WHERE scene = ? AND layer = ?", gone)
            self._put_stems(row.scene, stems)

    def add_take(self, take_id: str, take: str, scene: str, stems: Mapping[str, str]) -> None:
        """Keeps a take, and with it the stems that it makes."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO takes VALUES (?, ?)", (take_id, take))
            self._put_stems(scene, stems)

    def remove_take(self, take_id: str) -> None:
        """Forgets a take whose audio is lost."""
        with self._writing():
            self._db.execute("DELETE FROM takes WHERE id = ?", (take_id,))

    def set_stems(self, scene: str, stems: Mapping[str, str]) -> None:
        """Layer id → take, for layers that found theirs made for another layer."""
        with self._writing():
            self._put_stems(scene, stems)

    def newest_revisions(self) -> dict[str, int]:
        """Every scene's id with its newest revision."""
        rows = self._db.execute("SELECT scene, max(revision) FROM revisions GROUP BY scene ORDER BY scene")
        return dict(rows.fetchall())

    def revision(self, scene: str, revision: int) -> Row | None:
        """One revision of a scene."""
        return self._row("scene = ? AND revision = ?", (scene, revision))

    def revision_by_request(self, request_id: str) -> Row | None:
        """The revision that a message made."""
        return self._row("request_id = ?", (request_id,))

    def take_ids(self) -> set[str]:
        """The ids of all takes."""
        return {take_id for (take_id,) in self._db.execute("SELECT id FROM takes")}

    def take(self, take_id: str) -> str | None:
        """A take as JSON."""
        row = self._db.execute("SELECT take FROM takes WHERE id = ?", (take_id,)).fetchone()
        return None if row is None else str(row[0])

    def stems(self, scene: str) -> dict[str, str]:
        """Layer id → the take that last played for it."""
        return dict(self._db.execute("SELECT layer, take FROM stems WHERE scene = ?", (scene,)).fetchall())

    def _row(self, where: str, values: tuple[str | int, ...]) -> Row | None:
        columns = "scene, revision, request_id, request, snapshot, stale"
        row = self._db.execute(f"SELECT {columns} FROM revisions WHERE {where}", values).fetchone()  # noqa: S608
        return None if row is None else Row(*row)

    def _put_stems(self, scene: str, stems: Mapping[str, str]) -> None:
        rows = [(scene, layer, take) for layer, take in stems.items()]
        self._db.executemany("INSERT OR REPLACE INTO stems VALUES (?, ?, ?)", rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing, on disk before it returns."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _cannot_open(path: Path, error: sqlite3.Error) -> Refused:
    if "locked" in str(error):
        return Refused(
            "conflict",
            f"another engine is using {path.parent}",
            remedy="Stop it, or give this one a folder of its own with --data-dir.",
        )
    return Refused(
        "internal",
        f"the journal {path} cannot be opened: {error}",
        remedy="Check the disk and the folder's permissions, move the file away, or use another --data-dir.",
    )
