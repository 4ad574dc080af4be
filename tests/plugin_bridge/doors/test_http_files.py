"""Ranges, validators and caching of sound files, over real sockets."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_bridge.doors.http_files import is_known, parse_ranges
from tests.plugin_bridge.doors.http_room import HttpRoom

STEM = "/scenes/rain/stems/env.wav"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpRoom]:
    with HttpRoom(tmp_path_factory.mktemp("data")) as room:
        room.render()
        yield room


@pytest.fixture(scope="module")
def whole(room: HttpRoom) -> bytes:
    return room.client.get(STEM).content


def test_a_stem_is_a_file_with_its_hash_as_its_tag(room: HttpRoom) -> None:
    answer = room.client.get(STEM, params={"rate_hz": 44_100, "bit_depth": 16})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-cache"
    assert re.fullmatch(r'inline; filename="rain-env-[0-9a-f-]+\.wav"', answer.headers["content-disposition"])
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert (rate_hz, len(samples)) == (44_100, 22_050)


def test_mix_and_flac(room: HttpRoom) -> None:
    answer = room.client.get("/scenes/rain/mix.flac")
    assert answer.headers["content-type"] == "audio/flac"
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert len(samples) == rate_hz // 2
    assert abs(float(samples.max()) - 0.2) < 1e-4  # two stems of 0.1: all layers are in the mix


def test_a_receipt(room: HttpRoom, whole: bytes) -> None:
    receipt = room.client.get(f"{STEM}/receipt").json()
    (file,) = receipt["files"]
    assert (file["layer"], file["sha256"]) == ("env", hashlib.sha256(whole).hexdigest())
    assert receipt["length_samples"] == 12_000
    (mix,) = room.client.get("/scenes/rain/mix.wav/receipt").json()["files"]
    assert mix["layer"] is None


def test_a_player_that_has_it_is_told_so(room: HttpRoom) -> None:
    tag = room.client.get(STEM).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = room.client.get(STEM, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert room.client.get(STEM, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_is_get_without_the_body(room: HttpRoom, whole: bytes) -> None:
    answer = room.client.head(STEM)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(whole)


def test_pins(room: HttpRoom, whole: bytes) -> None:
    digest = hashlib.sha256(whole).hexdigest()
    answer = room.client.get(STEM, params={"sha256": digest})
    assert "immutable" in answer.headers["cache-control"]
    take = answer.headers["x-stemscape-take"]
    assert room.client.get(STEM, params={"take": take}).headers["cache-control"] == "no-cache"
    for pin in ({"take": "other"}, {"sha256": "0" * 64}):
        assert room.client.get(STEM, params=pin).status_code == 404
    assert room.client.get("/scenes/rain/mix.wav", params={"take": take}).status_code == 422


@pytest.mark.parametrize(
    "path, status, code",
    [
        ("/scenes/rain/stems/env.mp3", 422, "invalid"),
        ("/scenes/rain/stems/nobody.wav", 404, "not_found"),
        ("/scenes/nowhere/mix.wav", 404, "not_found"),
        ("/scenes/rain/stems/env.wav?rate_hz=7", 422, "invalid"),
        ("/scenes/rain/stems/env.wav?folder=/tmp", 422, "invalid"),
        ("/scenes/rain/stems/..%2f..%2fjournal.sqlite", 404, "not_found"),
        ("/scenes/rain/stems/%2e%2e.wav", 422, "invalid"),
    ],
)
def test_refusals(room: HttpRoom, path: str, status: int, code: str) -> None:
    answer = room.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_layer_without_a_take(room: HttpRoom) -> None:
    layer = {"id": "env", "view": "env", "caption": "silence"}
    room.client.put("/scenes/empty", json={"duration_s": 0.5, "layers": [layer]})
    answer = room.client.get("/scenes/empty/stems/env.wav")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_rendered")


# --- ranges -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, ranges",
    [
        ("bytes=0-9", [(0, 9)]),
        ("bytes=90-", [(90, 99)]),
        ("bytes=-10", [(90, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("bytes=90-1000", [(90, 99)]),
        ("bytes=100-", []),
        ("bytes=-0", []),
        ("bytes=0-0, 99-99", [(0, 0), (99, 99)]),
        ("bytes=0-0, 500-", [(0, 0)]),
        ("BYTES = 1-2", [(1, 2)]),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=１-2", None),
        ("seconds=0-1", None),
        ("0-9", None),
    ],
)
def test_parse_ranges(said: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(said, 100) == ranges


@given(st.text('bytes=0123456789-, W"', max_size=40), st.integers(0, 1000))
def test_any_header_gives_ranges_inside_the_file(said: str, size_bytes: int) -> None:
    for first, last in parse_ranges(said, size_bytes) or []:
        assert 0 <= first <= last < size_bytes


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_range_is_a_slice(room: HttpRoom, whole: bytes, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(whole) - 1))
    last = data.draw(st.integers(first, len(whole) * 2))
    answer = room.client.get(STEM, headers={"Range": f"bytes={first}-{last}"})
    end = min(last, len(whole) - 1)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{end}/{len(whole)}"
    assert answer.content == whole[first : end + 1]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_several_ranges_come_in_parts(room: HttpRoom, whole: bytes, data: st.DataObject) -> None:
    starts = data.draw(st.lists(st.integers(0, len(whole) // 100 - 1), min_size=2, max_size=5, unique=True))
    asked = [(start * 100, start * 100 + 50) for start in starts]
    said = ", ".join(f"{first}-{last}" for first, last in asked)
    answer = room.client.get(STEM, headers={"Range": f"bytes={said}"})
    assert answer.status_code == 206
    assert int(answer.headers["content-length"]) == len(answer.content)
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    parts = answer.content.split(b"--" + boundary.encode())[1:-1]
    found = {}
    for part in parts:
        head, _, body = part.partition(b"\r\n\r\n")
        place = re.search(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)", head)
        assert place is not None
        found[int(place[1]), int(place[2])] = body.removesuffix(b"\r\n")
    assert found == {(first, last): whole[first : last + 1] for first, last in asked}


def test_what_cannot_be_sent_is_416_with_the_size(room: HttpRoom, whole: bytes) -> None:
    answer = room.client.get(STEM, headers={"Range": f"bytes={len(whole)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "invalid")
    assert answer.headers["content-range"] == f"bytes */{len(whole)}"


@pytest.mark.parametrize("said", ["seconds=0-1", "bytes=9-0", "bytes=x", "bytes=" + "0-0," * 200 + "1-1"])
def test_what_is_not_understood_is_ignored(room: HttpRoom, whole: bytes, said: str) -> None:
    answer = room.client.get(STEM, headers={"Range": said})
    assert (answer.status_code, answer.content) == (200, whole)


def test_if_range(room: HttpRoom, whole: bytes) -> None:
    tag = room.client.get(STEM).headers["etag"]
    ranged = {"Range": "bytes=0-9"}
    assert room.client.get(STEM, headers={**ranged, "If-Range": tag}).status_code == 206
    assert room.client.get(STEM, headers={**ranged, "If-Range": '"older"'}).content == whole


def test_is_known() -> None:
    assert not is_known(None, '"a"')
    assert not is_known("", '"a"')
    assert is_known('W/"a"', '"a"')
