import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_bridge.journal import Journal, Past, ReceiptRow, Row, TakeRow
from scene_schema.errors import Refused
from tests.plugin_bridge.engine_process import ROOT, environment


def row(revision: int = 1, request_id: str = "one", scene: str = "rain") -> Row:
    return Row(scene, revision, request_id, '{"type": "x"}', "{}", "[]")


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.sqlite"
    journal = Journal(path)
    journal.add_revision(row(), ["env"], {"env": "t1"})
    journal.add_take(TakeRow("t1", '{"id": "t1"}', "a1"), "rain", {"env": "t1"})
    journal.close()
    journal = Journal(path)
    assert journal.newest_revisions() == {"rain": 1}
    assert journal.revision("rain", 1) == journal.revision_by_request("one") == row()
    assert (journal.audio_of_takes(), journal.take("t1")) == ({"t1": "a1"}, '{"id": "t1"}')
    assert journal.stems("rain") == {"env": "t1"}
    assert (journal.revision("rain", 2), journal.revision_by_request("two"), journal.take("t2")) == (
        None,
    ) * 3
    journal.remove_take("t1")
    assert journal.audio_of_takes() == {}
    journal.close()


def test_stems_of_removed_layers_are_let_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_stems("rain", {"env": "t1", "music": "t2"})
    journal.set_stems("sea", {"env": "t3"})
    journal.add_revision(row(), ["music"], {})
    assert (journal.stems("rain"), journal.stems("sea")) == ({"music": "t2"}, {"env": "t3"})
    journal.close()


def test_a_revision_waits_for_the_commit(tmp_path: Path) -> None:
    """A process that is gone before it has written nothing; any other write takes the revisions with it."""
    path = tmp_path / "journal.sqlite"
    code = (
        "import os; from pathlib import Path; from plugin_bridge.journal import Journal, Row\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "journal.add_revision(Row('rain', 1, 'one', '{}', '{}', '[]'), [], {})\n"
        "journal.set_stems('rain', {'env': 't1'})\n"
        "journal.add_revision(Row('rain', 2, 'two', '{}', '{}', '[]'), [], {}); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment())
    journal = Journal(path)
    assert (journal.newest_revisions(), journal.stems("rain")) == ({"rain": 1}, {"env": "t1"})
    journal.close()


def test_one_write_of_a_batch_fails_and_the_others_stay(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.add_revision(row(), [], {})
    with pytest.raises(sqlite3.IntegrityError):
        journal.add_revision(row(revision=2, request_id="one"), [], {})
    journal.add_revision(row(revision=2, request_id="two"), [], {})
    batch = journal.batch
    journal.commit()
    assert batch is not None and (batch.writes, batch.is_over, batch.error) == (2, True, None)
    assert journal.newest_revisions() == {"rain": 2}
    journal.close()


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.add_revision(row(), [], {})
    with pytest.raises(sqlite3.IntegrityError):
        journal.add_revision(row(revision=2, request_id="one"), [], {"env": "t1"})
    assert (journal.newest_revisions(), journal.stems("rain")) == ({"rain": 1}, {})
    journal.add_revision(row(revision=2, request_id="two"), [], {})
    journal.close()


def test_it_is_durable_before_it_returns(tmp_path: Path) -> None:
    """A process that is gone the instant after a write has written it."""
    path = tmp_path / "journal.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from plugin_bridge.journal import Journal, Row\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "journal.add_revision(Row('rain', 1, 'one', '{}', '{}', '[]'), [], {}); journal.commit()\n"
        "os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), check=False)
    journal = Journal(path)
    assert journal.newest_revisions() == {"rain": 1}
    (mode,) = journal._db.execute("PRAGMA synchronous").fetchone()
    assert mode == 2, "FULL"
    journal.close()


def test_one_journal_has_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = Journal(path)
    with pytest.raises(Refused, match="another engine is using") as refused:
        Journal(path)
    assert "--data-dir" in refused.value.remedy
    first.close()
    Journal(path).close()


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, but somebody's text" * 100)
    before = path.read_bytes()
    with pytest.raises(Refused, match="cannot be opened"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(Refused, match="format 99"):
        Journal(path)


FORMAT_1 = """
CREATE TABLE revisions (
    scene TEXT NOT NULL,
    revision INTEGER NOT NULL,
    request_id TEXT NOT NULL UNIQUE,
    request TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    stale TEXT NOT NULL,
    written_at REAL NOT NULL,
    PRIMARY KEY (scene, revision)
) WITHOUT ROWID;
CREATE TABLE takes (id TEXT PRIMARY KEY, take TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stems (
    scene TEXT NOT NULL, layer TEXT NOT NULL, take TEXT NOT NULL, PRIMARY KEY (scene, layer)
) WITHOUT ROWID;
INSERT INTO revisions VALUES ('rain', 1, 'one', '{"type": "x"}', '{}', '[]', 1.5);
INSERT INTO takes VALUES ('t1', '{"id": "t1", "audio_sha256": "a1"}');
INSERT INTO takes VALUES ('t2', '{"id": "t2"}');
INSERT INTO stems VALUES ('rain', 'env', 't1');
PRAGMA user_version = 1;
"""


def old_journal(path: Path) -> None:
    """As engines before undo and receipts wrote it."""
    db = sqlite3.connect(path)
    db.executescript(FORMAT_1)
    db.close()


def schema(path: Path) -> tuple[int, list[tuple[str, list[str]]]]:
    db = sqlite3.connect(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE sql NOT NULL ORDER BY 1")]
    columns = [(name, [str(row[1:]) for row in db.execute(f"PRAGMA table_info({name})")]) for name in names]
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return version, columns


def test_a_journal_of_format_1_becomes_one_of_today(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    old_journal(path)
    journal = Journal(path)
    assert journal.revision("rain", 1) == row()
    assert journal.audio_of_takes() == {"t1": "a1", "t2": ""}
    assert (journal.stems("rain"), journal.playing(["t1", "t2"])) == ({"env": "t1"}, {"t1"})
    assert journal.receipts() == []
    journal.add_revision(row(revision=2, request_id="two"), ["env"], {})
    journal.commit()
    journal.close()
    Journal(tmp_path / "new.sqlite").close()
    assert schema(path) == schema(tmp_path / "new.sqlite")


def test_a_migration_that_fails_leaves_the_old_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    old_journal(path)
    before = schema(path)
    monkeypatch.setattr("plugin_bridge.journal._STEPS", (FORMAT_1, "CREATE TABLE more (x);\nCREATE nonsense"))
    with pytest.raises(Refused, match="cannot be opened"):
        Journal(path)
    assert schema(path) == before
    monkeypatch.undo()
    journal = Journal(path)
    assert journal.newest_revisions() == {"rain": 1}
    journal.close()


def test_receipts_are_kept_replaced_and_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    one, two = (ReceiptRow("/own", key, f"{key}.wav", 4, 5, "{}") for key in ("one", "two"))
    journal.put_receipts([one, two], [])
    again = ReceiptRow("/own", "one", "one-2.wav", 4, 6, "{}")
    journal.put_receipts([again], [("/own", "two"), ("/own", "three")])
    journal.commit()
    assert journal.receipts() == [again]
    journal.close()


def test_a_history_from_elsewhere_is_there_with_its_scene_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.add_revision(row(), [], {})
    history = journal.new_history()
    for snapshot, content_of, redo in (("a", None, None), ("b", None, None), ("a", 1, 2)):
        history = journal.add_past(history, [Past(snapshot, content_of, redo)])
    lost = journal.add_past(journal.new_history(), [Past("lost", None, None)])
    journal.commit()
    assert (history.length, journal.newest_revisions()) == (3, {"rain": 1})
    assert journal.revision("rain", 2) is None
    journal.add_revision(row(5, "two"), ["env"], {"env": "t1"}, [TakeRow("t1", "{}", "a1")], history)
    journal.commit()
    past = [Row("rain", 2, "", "", "a", "[]"), Row("rain", 3, "", "", "b", "[]")]
    past.append(Row("rain", 4, "", "", "a", "[]", content_of=2, redo=3))
    for number in range(3, 0, -1):  # too late: it belongs to the scene
        journal.remove_past(history, number - 1)
    for _ in range(2):
        assert journal.rows("rain", 1, 9) == [row(), *past, row(5, "two")]
        assert journal.rows("rain", 3, 4) == past[1:]
        assert [journal.revision("rain", number) for number in (2, 4, 6)] == [past[0], past[2], None]
        assert journal.newest_revisions() == {"rain": 5}
        journal.close()
        journal = Journal(path)
    assert journal._db.execute("SELECT count(*) FROM past").fetchone() == (3,), "nobody has the lost one"
    assert journal.new_history().id > history.id
    assert lost.length == 1
    journal.close()
