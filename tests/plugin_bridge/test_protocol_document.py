"""docs/protocol.md says what the code does: tables, diagram, example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from plugin_bridge.bridge import CONTROL
from plugin_bridge.config import CONTROL_PORT, EVENT_PORT, REQUEST_PORT
from scene_schema.envelope import Envelope, encode
from scene_schema.errors import Code
from scene_schema.job_states import as_mermaid
from scene_schema.messages import EVENTS, REPLIES, REQUESTS
from tests.plugin_bridge.engine_process import ROOT, scene
from tests.plugin_bridge.fakes import Room, in_room

TEXT = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EDIT = {"scene": "rain", "layer": "env", "changes": {"gain_db": -6.0}}


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by their first cell."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if "|" in line
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def test_every_request_with_its_reply_and_its_sockets() -> None:
    rows = table("Requests")
    assert list(rows) == list(REQUESTS)
    assert {kind: row[1] for kind, row in rows.items()} == {
        kind: one.__name__ for kind, one in REPLIES.items()
    }
    assert {kind for kind, row in rows.items() if row[2] == "yes"} == CONTROL


def test_every_event_and_every_code() -> None:
    assert list(table("Events")) == list(EVENTS)
    assert list(table("Errors")) == list(get_args(Code))


def test_the_ports_and_the_diagram() -> None:
    assert list(table("Sockets")) == [str(port) for port in (REQUEST_PORT, CONTROL_PORT, EVENT_PORT)]
    assert f"```mermaid\n{as_mermaid()}\n```" in TEXT


def test_the_example_is_what_goes_over_the_wire() -> None:
    listing = TEXT.split("```text\n")[1].split("```")[0]
    # bytes stand before the comment, which begins after two spaces at a word or a quote
    shown = "".join(re.match(r"[0-9a-f ]+(?=  \S*[^0-9a-f\s])", line)[0] for line in listing.splitlines())  # type: ignore[index]
    (frame,) = encode(Envelope("layer.edit", EDIT, id="0a1b", client="demo"))
    assert bytes.fromhex(shown.replace(" ", "")) == frame
    assert f"{len(frame)} bytes" in TEXT


def test_the_example_is_answered_as_written(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        for _ in range(2):
            await room.render()
        answer = await room.ask("layer.edit", EDIT, id="0a1b")
        assert answer.content == {"scene": "rain", "revision": 2, "stale": [], "jobs": []}
        refused = await room.ask("layer.edit", {**EDIT, "changes": {"gain_db": 60.0}})
        finding = refused.content["findings"][0]
        assert all(f'"{key}": "{value}"' in TEXT for key, value in finding.items()), finding

    in_room(tmp_path, story)
