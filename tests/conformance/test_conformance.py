"""The conformance suite against our own engine, through every door; and the recorded messages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from clients.python.session import Session
from scene_schema.envelope import as_map, decode, encode
from scene_schema.messages import EVENTS, REQUESTS, Hello, read_request
from tests.conformance.__main__ import run
from tests.conformance.cases import CASES
from tests.conformance.make_vectors import VECTORS, vectors
from tests.conformance.osc_cases import CASES as OSC_CASES
from tests.plugin_bridge.engine_process import ROOT, EngineProcess


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    with EngineProcess(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


@pytest.mark.timeout(300)
@pytest.mark.parametrize("door", ["tcp", "http", "osc", "osc+tcp"])
def test_our_engine_keeps_the_protocol(engine: EngineProcess, door: str) -> None:
    place = engine.said["osc"].split("://")[1]
    address = {
        "tcp": engine.said["request"],
        "http": engine.said["http"],
        "osc": f"osc://{place}",
        "osc+tcp": f"osc+tcp://{place}",
    }[door]
    verdicts = run(address, "", "", lambda _: None)
    assert not [(one.case, one.why) for one in verdicts if one.why]
    assert len(verdicts) >= 16


def test_the_command_says_a_line_a_case_and_finds_a_fault(engine: EngineProcess) -> None:
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tests.conformance", *words], capture_output=True, text=True, cwd=ROOT
        )

    kept = ask("--server", engine.said["request"], "--only", "hello")
    assert (kept.returncode, kept.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed")
    nobody = ask("--server", "ftp://127.0.0.1:1")
    assert (nobody.returncode, "expected tcp://" in nobody.stderr) == (2, True)


def test_a_server_that_breaks_a_rule_is_caught() -> None:
    class FakeTalk:
        """Says yes to everything, which is wrong."""

        door = "tcp"

        def ask(self, kind: str, *_: Any, **__: Any) -> Any:
            from tests.conformance.talk import Answer

            return Answer(f"{kind}.reply", {"scene": "x", "revision": 1, "jobs": [], "stale": []})

    (misspelt,) = [one for one in CASES["any"] if one.__name__ == "a_misspelt_field_is_refused_by_name"]
    with pytest.raises(AssertionError, match="expected the error invalid"):
        misspelt(FakeTalk())


def test_every_case_says_its_rule() -> None:
    for one in [*CASES["any"], *CASES["tcp"], *CASES["http"], *OSC_CASES]:
        assert one.__doc__ and one.__doc__[0].isupper() | (one.__doc__[0] == "`"), one.__name__


# --- recorded messages ------------------------------------------------------------------------------------


def test_the_vectors_are_what_make_vectors_writes() -> None:
    assert {path.stem for path in VECTORS.glob("*.bin")} == set(vectors())
    for name, message in vectors().items():
        assert (VECTORS / f"{name}.bin").read_bytes() == encode(message)[0], name
        assert json.loads((VECTORS / f"{name}.json").read_text("utf-8")) == as_map(message), name


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.bin")), ids=lambda path: path.stem)
def test_each_vector_says_the_same_as_bytes_and_as_map(path: Path) -> None:
    wanted = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert msgpack.unpackb(path.read_bytes()) == wanted
    message = decode([path.read_bytes()])
    assert as_map(message) == wanted
    if path.stem.startswith("request."):
        read_request(message.type, message.content)


def test_there_is_a_vector_of_every_request_and_event() -> None:
    assert {f"request.{kind}" for kind in REQUESTS} | set(EVENTS) <= set(vectors())


def test_our_own_client_reads_the_recorded_bytes() -> None:
    session = Session("daw")
    request = session.request(Hello())
    recorded = msgpack.unpackb((VECTORS / "reply.hello.bin").read_bytes())
    reply = session.reply([msgpack.packb({**recorded, "parent": request.id})])
    assert reply is not None and reply.content.model_dump()["protocol"] == 1
    for kind in EVENTS:
        event = session.event([b"scene.rain", (VECTORS / f"{kind}.bin").read_bytes()])
        assert event is not None and event.kind == kind
    assert session.dropped == 0


def test_docs_name_the_commands() -> None:
    text = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    assert re.search(r"python -m tests\.conformance --server", text)
    for name in ("osc://", "http://", "tcp://", "vectors"):
        assert name in text
