import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_bridge.journal import Journal, Row
from scene_schema.errors import Refused
from tests.plugin_bridge.engine_process import ROOT, environment


def row(revision: int = 1, request_id: str = "one", scene: str = "rain") -> Row:
    return Row(scene, revision, request_id, '{"type": "x"}', "{}", "[]")


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.sqlite"
    journal = Journal(path)
    journal.add_revision(row(), ["env"], {"env": "t1"})
    journal.add_take("t1", '{"id": "t1"}', "rain", {"env": "t1"})
    journal.close()
    journal = Journal(path)
    assert journal.newest_revisions() == {"rain": 1}
    assert journal.revision("rain", 1) == journal.revision_by_request("one") == row()
    assert (journal.take_ids(), journal.take("t1")) == ({"t1"}, '{"id": "t1"}')
    assert journal.stems("rain") == {"env": "t1"}
    assert (journal.revision("rain", 2), journal.revision_by_request("two"), journal.take("t2")) == (
        None,
    ) * 3
    journal.remove_take("t1")
    assert journal.take_ids() == set()
    journal.close()


def test_stems_of_removed_layers_are_let_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.set_stems("rain", {"env": "t1", "music": "t2"})
    journal.set_stems("sea", {"env": "t3"})
    journal.add_revision(row(), ["music"], {})
    assert (journal.stems("rain"), journal.stems("sea")) == ({"music": "t2"}, {"env": "t3"})
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
        "journal.add_revision(Row('rain', 1, 'one', '{}', '{}', '[]'), [], {}); os._exit(1)"
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
