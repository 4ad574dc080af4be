"""Delivered files on disk: whole or not there, never written twice, found again without making them."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from plugin_bridge.delivery_files import DeliveryFiles, Receipt
from plugin_bridge.journal import ReceiptRow

RECEIPT = Receipt(sha256="ab", peak_db=-3.0, loudness_lufs=None, true_peak_db=-2.9)


def test_the_same_content_is_one_file_and_another_gets_the_next_name(tmp_path: Path) -> None:
    files = DeliveryFiles(tmp_path / "own")
    folder = tmp_path / "project" / "audio"
    first = files.place(folder, "a.wav", [b"one", b"", memoryview(b"two")])
    assert (first, first.read_bytes()) == (folder / "a.wav", b"onetwo")
    stamp = first.stat().st_mtime_ns
    assert files.place(folder, "a.wav", [b"onetwo"]) == first
    assert first.stat().st_mtime_ns == stamp
    assert files.place(folder, "a.wav", [b"three"]) == folder / "a-2.wav"
    assert files.place(folder, "a.wav", [b"threes"]) == folder / "a-3.wav"
    assert files.place(folder, "a.wav", [b"three"]) == folder / "a-2.wav"
    assert first.read_bytes() == b"onetwo"
    assert sorted(path.name for path in folder.iterdir()) == ["a-2.wav", "a-3.wav", "a.wav"]


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    (tmp_path / "a-2.wav").symlink_to(tmp_path / "nowhere")
    assert DeliveryFiles(tmp_path).place(tmp_path, "a.wav", [b"x"]) == tmp_path / "a-3.wav"
    assert (tmp_path / "a-2.wav").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_a_receipt_finds_the_file_until_somebody_changes_it(tmp_path: Path) -> None:
    files = DeliveryFiles(tmp_path / "own")
    own = files.own("quay")
    assert files.find(own, "key") is None
    path = files.put(own, "a.wav", "key", [b"sound"], RECEIPT)
    found = files.find(own, "key")
    assert found is not None
    assert (found.path, found.receipt) == (path, RECEIPT)
    assert files.find(tmp_path, "key") is None, "another folder has its own files"
    assert DeliveryFiles(tmp_path / "own").find(own, "key") is None, "nobody kept it"
    path.write_bytes(b"other sound")
    assert files.find(own, "key") is None
    assert files.put(own, "a.wav", "key", [b"sound"], RECEIPT) == own / "a-2.wav"
    assert path.read_bytes() == b"other sound"
    (own / "a-2.wav").unlink()
    assert files.find(own, "key") is None


def kept(files: DeliveryFiles) -> list[ReceiptRow]:
    return files.news(100).new


def test_receipts_outlive_the_process_and_bytes_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DeliveryFiles(tmp_path)
    receipt = replace(RECEIPT, sha256=hashlib.sha256(b"sound").hexdigest())
    path = files.put(tmp_path, "a.wav", "key", [b"sound"], receipt)
    rows = kept(files)
    assert [(row.key, row.name) for row in rows] == [("key", "a.wav")]
    assert kept(files) == [], "told once"
    later = DeliveryFiles(tmp_path, rows)
    for _ in range(2):
        found = later.find(tmp_path, "key")
        assert found is not None and (found.path, found.receipt) == (path, receipt)
        monkeypatch.setattr("plugin_bridge.delivery_files._has_hash", lambda *_: False)  # asked once


def test_a_file_that_never_reached_the_disk_is_not_believed(tmp_path: Path) -> None:
    """A power cut may keep a file's size and times, and lose its bytes."""
    files = DeliveryFiles(tmp_path)
    receipt = replace(RECEIPT, sha256=hashlib.sha256(b"sound").hexdigest())
    path = files.put(tmp_path, "a.wav", "key", [b"sound"], receipt)
    rows, times = kept(files), path.stat()
    path.write_bytes(b"\0\0\0\0\0")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert DeliveryFiles(tmp_path, rows).find(tmp_path, "key") is None


def test_receipts_are_as_many_as_are_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin_bridge.delivery_files.RECEIPTS_KEPT", 2)
    files = DeliveryFiles(tmp_path)
    for key in ("a", "b", "c"):
        files.put(tmp_path, f"{key}.wav", key, [key.encode()], RECEIPT)
    news = files.news(100)
    assert (sorted(row.key for row in news.new), news.gone) == (["b", "c"], [(str(tmp_path), "a")])
    files.put(tmp_path, "b.wav", "b", [b"other"], RECEIPT)
    assert [(row.key, row.name) for row in kept(files)] == [("b", "b-2.wav")]


def test_a_file_in_use_is_not_removed(tmp_path: Path) -> None:
    files = DeliveryFiles(tmp_path)
    path = files.put(tmp_path, "a.wav", "key", [b"sound"], RECEIPT)
    past_s = time.time() - 3600.0
    os.utime(path, (past_s, path.stat().st_mtime))
    assert files.remove(path, unless_used_since_s=past_s) == 0, "it was written after that"
    assert files.remove(path, unless_used_since_s=time.time() + 1.0) == 5
    assert files.find(tmp_path, "key") is None
    assert files.remove(path, unless_used_since_s=0.0) == 0


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = DeliveryFiles(tmp_path)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="no space"):
        files.place(tmp_path, "a.wav", [b"x"])
    assert list(tmp_path.iterdir()) == []


def test_many_at_once_take_a_name_each(tmp_path: Path) -> None:
    files = DeliveryFiles(tmp_path)
    contents = [bytes([number % 4]) * 5_000 for number in range(24)]
    paths: dict[int, Path] = {}

    def place(number: int) -> None:
        paths[number] = files.place(tmp_path, "a.wav", [contents[number]])

    threads = [threading.Thread(target=place, args=(number,)) for number in range(len(contents))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(paths[number].read_bytes() == content for number, content in enumerate(contents))
    assert len(list(tmp_path.iterdir())) == 4
