"""What survives a kill: revisions, takes, stems and receipts, in one SQLite file. Knows SQL and no scenes.

A revision is on disk after the next `commit`, so that many edits share one wait for the disk; every other
write commits, with all that was written before it (write-ahead log, `synchronous=FULL`). The file is held
exclusively while it is open, so one data folder has one bridge; a kill releases it.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from scene_schema.errors import Refused

_LOG_PAGES: Final = 6144  # 24 MiB: what 500 edits a second write in 2.5 s; see `write_back`
_PAGE_BYTES: Final = 4096
_CACHE_KIB: Final = 512  # of pages: the newest revisions; the system keeps the file itself in memory
_ROOM: Final = 16  # times the log must be free on the disk before it is reserved
_LONGEST_LOG_PAGES: Final = 20_000  # then a commit writes it back itself, which takes tens of milliseconds

_STEPS: Final[tuple[str, ...]] = (
    """
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
""",
    """
ALTER TABLE revisions ADD COLUMN content_of INTEGER;  -- of an undo or redo: the edit whose scene it has again
ALTER TABLE revisions ADD COLUMN redo INTEGER;        -- the revision that a redo goes to, if there is one
ALTER TABLE takes ADD COLUMN audio TEXT NOT NULL DEFAULT '';  -- names the file
UPDATE takes SET audio = coalesce(json_extract(take, '$.audio_sha256'), '');
CREATE INDEX stems_of_take ON stems (take);
CREATE TABLE past (              -- revisions that came from elsewhere, written before their scene was
    history INTEGER NOT NULL,
    number INTEGER NOT NULL,     -- from 1; what it goes back to is counted likewise
    snapshot TEXT NOT NULL,
    content_of INTEGER,
    redo INTEGER,
    PRIMARY KEY (history, number)
) WITHOUT ROWID;
CREATE TABLE histories (         -- where they belong: behind revision `base` of a scene
    scene TEXT NOT NULL,
    base INTEGER NOT NULL,
    length INTEGER NOT NULL,
    history INTEGER NOT NULL,
    PRIMARY KEY (scene, base)
) WITHOUT ROWID;
CREATE TABLE receipts (          -- of delivered files
    folder TEXT NOT NULL,
    key TEXT NOT NULL,           -- stands for everything that the file's bytes depend on
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    changed_ns INTEGER NOT NULL, -- the file's mtime
    receipt TEXT NOT NULL,
    PRIMARY KEY (folder, key)
) WITHOUT ROWID;
""",
)
"""What makes the first format out of an empty file, and each format out of the one before it."""

_FORMAT: Final = len(_STEPS)

_COLUMNS: Final = "scene, revision, request_id, request, snapshot, stale, content_of, redo"


class Row(NamedTuple):
    """One revision as it is written: JSON texts, not yet read."""

    scene: str
    revision: int
    request_id: str
    request: str
    snapshot: str
    stale: str
    content_of: int | None = None
    redo: int | None = None


class Past(NamedTuple):
    """A revision from elsewhere: the scene as JSON, and the last two of `Row`, counted within its history."""

    snapshot: str
    content_of: int | None
    redo: int | None


@dataclass(frozen=True)
class History:
    """Revisions from elsewhere, so many."""

    id: int
    length: int


@dataclass(frozen=True)
class TakeRow:
    """A take as it is written: its id, itself as JSON, and the hash that names its audio."""

    id: str
    take: str
    audio: str


class ReceiptRow(NamedTuple):
    """A delivered file as it was found after it was written, and its receipt as JSON."""

    folder: str
    key: str
    name: str
    size_bytes: int
    changed_ns: int
    receipt: str


@dataclass
class Batch:
    """What goes to the disk together: how many writes, whether that is over, and why it failed if it did."""

    writes: int = 0
    is_over: bool = False
    error: sqlite3.Error | None = None


class Journal:
    """An open journal. Raises `Refused` where another bridge has it or it is not a journal of ours.

    Attributes:
        batch: what is written and not yet on disk.
        when_lost: called where a batch could not be put on disk, so that nobody goes on believing in it.
    """

    def __init__(self, path: Path) -> None:
        self.batch: Batch | None = None
        self.when_lost: Callable[[], None] = lambda: None
        self._histories = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=0.5, isolation_level=None)
        try:
            self._open(path.parent)
        except sqlite3.Error as error:
            self._db.close()
            raise _cannot_open(path, error) from error
        except Refused:
            self._db.close()
            raise

    def _open(self, folder: Path) -> None:
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
            for step in _STEPS[found:]:
                for statement in re.sub(r" +--.*", "", step).split(";\n"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={_FORMAT}")
            self._db.execute("DELETE FROM past WHERE history NOT IN (SELECT history FROM histories)")
            (self._histories,) = self._db.execute("SELECT ifnull(max(history), 0) FROM histories").fetchone()
        self._reserve_log(folder)
        self._db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")

    def _reserve_log(self, folder: Path) -> None:
        """Gives the write-ahead log its full length at once, by a transaction that is taken back.

        A commit that makes a file longer also waits for the file system's own journal: at 500 commits a
        second the slowest of a hundred took 3.7 ms, and 1.0 ms in a log that is long enough already. On a
        disk that has little room left it is not for us to take.
        """
        if shutil.disk_usage(folder).free < _ROOM * _LOG_PAGES * _PAGE_BYTES:
            return
        self._db.execute("PRAGMA cache_size=16")  # pages; what does not fit is written to the log at once
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("CREATE TABLE reserved (bytes BLOB)")
        self._db.execute("INSERT INTO reserved VALUES (zeroblob(?))", (_LOG_PAGES * _PAGE_BYTES,))
        self._db.execute("ROLLBACK")
        self._db.execute(f"PRAGMA wal_autocheckpoint={_LONGEST_LOG_PAGES}")

    def close(self) -> None:
        """Writes the log back into the file and lets go of it; what was not committed is not kept."""
        self._db.close()

    def commit(self) -> None:
        """Puts on disk all that was written. Raises sqlite3.Error where that fails: then none of it was."""
        batch, self.batch = self.batch, None
        if batch is None:
            return
        batch.is_over = True
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            batch.error = error
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self.when_lost()
            raise

    def write_back(self) -> None:
        """Brings the log's pages into the file now. Who writes many has a millisecond each time, instead of
        tens of them once the log is long."""
        if self.batch is None:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def add_revision(
        self,
        row: Row,
        layers: Collection[str],
        stems: Mapping[str, str],
        takes: Sequence[TakeRow] = (),
        history: History | None = None,
    ) -> None:
        """Writes a revision, on disk after the next `commit`, with takes and a history that come with it.
        `stems` are takes that its layers found ready; stems of layers that are not among `layers` any more
        are let go (their takes stay)."""
        with self._joining():
            self._db.execute(
                f"INSERT INTO revisions ({_COLUMNS}, written_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (*row, time.time()),
            )
            if history is not None:
                belongs = (row.scene, row.revision - history.length - 1, history.length, history.id)
                self._db.execute("INSERT INTO histories VALUES (?, ?, ?, ?)", belongs)
            self._put_takes(takes)
            there = self._db.execute("SELECT layer FROM stems WHERE scene = ?", (row.scene,)).fetchall()
            gone = [(row.scene, layer) for (layer,) in there if layer not in layers]
            if gone:
                self._db.executemany("DELETE FROM stems WHERE scene = ? AND layer = ?", gone)
            self._put_stems(row.scene, stems)

    def new_history(self) -> History:
        """For revisions that come from elsewhere: nobody sees them before a revision is added with it, and
        what belongs to no scene is gone after the next start."""
        self._histories += 1
        return History(self._histories, 0)

    def add_past(self, history: History, past: Sequence[Past]) -> History:
        """Writes some more of a history, on disk after the next `commit`; returns it, longer than before."""
        rows = [(history.id, number, *one) for number, one in enumerate(past, history.length + 1)]
        with self._joining():
            self._db.executemany("INSERT INTO past VALUES (?, ?, ?, ?, ?)", rows)
        return History(history.id, history.length + len(past))

    def remove_past(self, history: History, above: int) -> None:
        """Takes back what was written of a history above a number, unless it belongs to a scene."""
        unless = "history NOT IN (SELECT history FROM histories)"
        with self._joining():
            self._db.execute(
                f"DELETE FROM past WHERE history = ? AND number > ? AND {unless}",  # noqa: S608
                (history.id, above),
            )

    def add_take(self, take: TakeRow, scene: str, stems: Mapping[str, str]) -> None:
        """Keeps a take, and with it the stems that it makes."""
        with self._writing():
            self._put_takes([take])
            self._put_stems(scene, stems)

    def remove_take(self, take_id: str) -> None:
        """Forgets a take whose audio is lost."""
        with self._writing():
            self._db.execute("DELETE FROM takes WHERE id = ?", (take_id,))

    def remove_takes(self, take_ids: Iterable[str]) -> None:
        """Forgets takes whose audio is no longer kept, on disk after the next `commit`."""
        with self._joining():
            self._db.executemany("DELETE FROM takes WHERE id = ?", [(one,) for one in take_ids])

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
        row = self._row("scene = ? AND revision = ?", (scene, revision))
        return row or next(iter(self._past_rows(scene, revision, revision)), None)

    def revision_by_request(self, request_id: str) -> Row | None:
        """The revision that a message made."""
        return self._row("request_id = ?", (request_id,))

    def rows(self, scene: str, first: int, last: int) -> list[Row]:
        """Revisions of a scene, in order, `last` included."""
        query = f"SELECT {_COLUMNS} FROM revisions WHERE scene = ? AND revision BETWEEN ? AND ?"  # noqa: S608
        rows = [Row(*row) for row in self._db.execute(query, (scene, first, last))]
        if len(rows) < last - first + 1:
            rows += self._past_rows(scene, first, last)
        return sorted(rows, key=lambda row: row.revision)

    def audio_of_takes(self) -> dict[str, str]:
        """The ids of all takes, each with the hash of its audio."""
        return dict(self._db.execute("SELECT id, audio FROM takes").fetchall())

    def take(self, take_id: str) -> str | None:
        """A take as JSON."""
        row = self._db.execute("SELECT take FROM takes WHERE id = ?", (take_id,)).fetchone()
        return None if row is None else str(row[0])

    def stems(self, scene: str) -> dict[str, str]:
        """Layer id → the take that last played for it."""
        return dict(self._db.execute("SELECT layer, take FROM stems WHERE scene = ?", (scene,)).fetchall())

    def playing(self, take_ids: Collection[str]) -> set[str]:
        """Those of the takes that are the stem of a layer of any scene."""
        query = "SELECT 1 FROM stems WHERE take = ? LIMIT 1"
        return {one for one in take_ids if self._db.execute(query, (one,)).fetchone() is not None}

    def put_receipts(self, rows: Iterable[ReceiptRow], gone: Iterable[tuple[str, str]]) -> None:
        """Keeps receipts of delivered files and forgets others (folder, key), on disk after the next
        `commit`."""
        with self._joining():
            self._db.executemany("DELETE FROM receipts WHERE folder = ? AND key = ?", list(gone))
            self._db.executemany("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?, ?, ?)", rows)

    def receipts(self) -> list[ReceiptRow]:
        """All receipts."""
        query = "SELECT folder, key, name, size_bytes, changed_ns, receipt FROM receipts"
        return [ReceiptRow(*row) for row in self._db.execute(query)]

    def _row(self, where: str, values: tuple[str | int, ...]) -> Row | None:
        row = self._db.execute(f"SELECT {_COLUMNS} FROM revisions WHERE {where}", values).fetchone()  # noqa: S608
        return None if row is None else Row(*row)

    def _past_rows(self, scene: str, first: int, last: int) -> list[Row]:
        query = (
            "SELECT scene, number + base, '', '', snapshot, '[]', content_of + base, redo + base "
            "FROM histories JOIN past USING (history) "
            "WHERE scene = ? AND number BETWEEN ? - base AND min(? - base, length)"
        )
        return [Row(*row) for row in self._db.execute(query, (scene, first, last))]

    def _put_takes(self, takes: Iterable[TakeRow]) -> None:
        rows = [(one.id, one.take, one.audio) for one in takes]
        self._db.executemany("INSERT OR REPLACE INTO takes (id, take, audio) VALUES (?, ?, ?)", rows)

    def _put_stems(self, scene: str, stems: Mapping[str, str]) -> None:
        if stems:
            rows = [(scene, layer, take) for layer, take in stems.items()]
            self._db.executemany("INSERT OR REPLACE INTO stems VALUES (?, ?, ?)", rows)

    @contextmanager
    def _joining(self) -> Iterator[None]:
        """All or nothing, as a part of the batch, which begins here if there is none."""
        if self.batch is None:
            self._db.execute("BEGIN IMMEDIATE")
            self.batch = Batch()
        self._db.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # a disk that is full may have ended it
                self._db.execute("ROLLBACK TO one")
                self._db.execute("RELEASE one")
            raise
        self._db.execute("RELEASE one")
        self.batch.writes += 1

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All or nothing, on disk before it returns, and the batch with it."""
        with self._joining():
            yield
        self.commit()


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
