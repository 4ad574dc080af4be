"""Who is let in, who may cancel what, and which folders are open."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from plugin_bridge.access import OPERATOR_FILE, Access, Caller, operator_token
from scene_schema.errors import Refused

OPERATOR = "the operator's token"
TOKEN = "everybody's token"


def access(token: str | None = TOKEN, *projects: Path) -> Access:
    return Access(operator_token=OPERATOR, token=token, projects=projects)


def test_with_a_token_only_who_has_it_comes_in(caplog: pytest.LogCaptureFixture) -> None:
    assert access().caller("ann", TOKEN, admitted=False, where="here") == Caller("ann")
    assert access().caller("ann", OPERATOR, admitted=False, where="here") == Caller("ann", operator=True)
    for wrong in ("", "everybody's tokeN", OPERATOR + " "):
        with caplog.at_level(logging.WARNING), pytest.raises(Refused) as refused:
            access().caller("eve", wrong, admitted=False, where="10.0.0.9:4711")
        assert refused.value.code == "denied"
        assert "10.0.0.9:4711" in caplog.text
        assert "token" in refused.value.remedy
        assert TOKEN not in caplog.text
        caplog.clear()


def test_without_a_token_everyone_comes_in_but_not_with_a_wrong_one() -> None:
    assert access(None).caller("ann", "", admitted=True, where="here") == Caller("ann")
    with pytest.raises(Refused, match="wrong token"):
        access(None).caller("ann", "guessed", admitted=True, where="here")


def test_who_was_admitted_by_keys_needs_no_token() -> None:
    assert access().caller("ann", "", admitted=True, where="here") == Caller("ann")


@pytest.mark.parametrize(
    "caller, owners, may",
    [
        (Caller("ann"), ["ann"], True),
        (Caller("ann"), ["bob", "ann"], True),
        (Caller("ann"), ["bob"], False),
        (Caller(""), ["bob"], False),
        (Caller("ann"), [""], True),
        (Caller("ann"), [], True),
        (Caller("", operator=True), ["bob"], True),
    ],
)
def test_who_may_cancel(caller: Caller, owners: list[str], may: bool) -> None:
    assert caller.may_cancel(owners) is may


def test_a_folder_inside_a_project_is_open(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "audio").mkdir(parents=True)
    assert access(None, project).folder(str(project / "audio")) == project.resolve() / "audio"
    assert access(None, project).folder(str(project)) == project.resolve()


@pytest.mark.parametrize("wanted", ["/etc", "{p}/../secret", "{p}-beside", "relative", "", "{p}/out/deep"])
def test_every_other_folder_is_refused_and_logged(
    tmp_path: Path, wanted: str, caplog: pytest.LogCaptureFixture
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "secret").mkdir()
    (project / "out").symlink_to(tmp_path / "secret")
    with caplog.at_level(logging.WARNING), pytest.raises(Refused) as refused:
        access(None, project).folder(wanted.format(p=project))
    assert refused.value.code == "denied"
    assert refused.value.findings[0].field == "$.folder"
    assert "outside the project folders" in caplog.text


def test_the_operators_token_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    token = operator_token(tmp_path / "data")
    assert len(token) >= 32
    assert operator_token(tmp_path / "data") == token
    assert operator_token(tmp_path / "other") != token
    if os.name == "posix":
        assert (tmp_path / "data" / OPERATOR_FILE).stat().st_mode & 0o077 == 0
