import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugin_bridge.journal import Journal
from plugin_bridge.scene_store import Kept, SceneStore
from scene_schema.edits import EditScene
from scene_schema.errors import Refused
from scene_schema.rendering import Take
from scene_schema.scene import Scene
from tests.plugin_bridge.fakes import request


def edit(title: str, scene: str = "rain") -> EditScene:
    return EditScene(scene=scene, changes={"title": title})


def keep(store: SceneStore, request_id: str, title: str, scene: str = "rain") -> Kept:
    return store.keep(
        Scene(id=scene, title=title),
        request_id=request_id,
        kind="scene.edit",
        request=edit(title, scene),
        stale=["env"],
        stems={},
    )


@pytest.fixture
def store(tmp_path: Path) -> SceneStore:
    return SceneStore(Journal(tmp_path / "journal.sqlite"))


def test_revisions_count_and_stay(store: SceneStore) -> None:
    assert [keep(store, str(n), f"title {n}").revision for n in range(3)] == [1, 2, 3]
    assert store.get("rain").scene.title == "title 2"
    assert store.get("rain", 1).scene.title == "title 0"
    assert store.revisions() == {"rain": 3}


def test_what_is_not_there_is_named(store: SceneStore) -> None:
    with pytest.raises(Refused, match="no scene 'sea'") as refused:
        store.get("sea")
    assert (refused.value.code, refused.value.remedy) == ("not_found", "Scenes there are: none yet.")
    keep(store, "1", "title")
    with pytest.raises(Refused, match="no revision 2") as refused:
        store.get("rain", 2)
    assert refused.value.remedy == "Its revisions are 1 to 1."
    with pytest.raises(Refused, match="no take 'x'"):
        store.take("x")


def test_an_edit_of_an_older_revision_is_a_conflict(store: SceneStore) -> None:
    keep(store, "1", "a")
    keep(store, "2", "b")
    assert store.get_base("rain", None).revision == store.get_base("rain", 2).revision == 2
    for wrong in (1, 3):
        with pytest.raises(Refused, match=f"from revision {wrong}.*newest is 2") as refused:
            store.get_base("rain", wrong)
        assert refused.value.code == "conflict"


def test_one_id_is_one_message(store: SceneStore) -> None:
    assert store.made_by("1", "scene.edit", edit("a")) is None
    kept = keep(store, "1", "a")
    assert store.made_by("1", "scene.edit", edit("a")) == kept
    with pytest.raises(Refused, match="another message with the id '1'") as refused:
        store.made_by("1", "scene.edit", edit("b"))
    assert refused.value.code == "exists"


def test_takes_come_back_whole(store: SceneStore) -> None:
    take = Take(
        id="t",
        request=request(),
        audio_sha256="a",
        rate_hz=24_000,
        channels=1,
        length_samples=12_000,
        peak_db=-3.0,
        rms_db=-9.0,
        rendered_s=0.1,
    )
    store.add_take(take, "rain", {"env": "t"})
    assert (store.takes, store.take("t"), store.stems("rain")) == ({"t"}, take, {"env": "t"})
    store.forget_take("t")
    assert store.takes == set()


class AnyHistory(RuleBasedStateMachine):
    """Edits, repeats, commits and restarts in any order: what was kept is what is read, once each."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.kept: list[tuple[str, str, str]] = []  # request id, scene, title
        self.durable = 0  # of them
        self.open()

    def open(self) -> None:
        self.journal = Journal(Path(self.folder.name) / "journal.sqlite")
        self.store = SceneStore(self.journal)

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()

    @rule(scene=st.sampled_from(["rain", "sea"]), title=st.text(max_size=8).map(str.strip))
    def edit(self, scene: str, title: str) -> None:
        request_id = f"id{len(self.kept)}"
        keep(self.store, request_id, title, scene)
        self.kept.append((request_id, scene, title))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        request_id, scene, title = data.draw(st.sampled_from(self.kept))
        made = self.store.made_by(request_id, "scene.edit", edit(title, scene))
        before = [
            one for one in self.kept[: self.kept.index((request_id, scene, title)) + 1] if one[1] == scene
        ]
        assert made == Kept(Scene(id=scene, title=title), len(before), ("env",))

    @rule()
    def commit(self) -> None:
        self.store.commit()
        self.durable = len(self.kept)

    @rule()
    def restart(self) -> None:
        self.kept = self.kept[: self.durable]
        self.journal.close()
        self.open()

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        for scene in ("rain", "sea"):
            titles = [title for _, edited, title in self.kept if edited == scene]
            assert self.store.revisions().get(scene, 0) == len(titles)
            if titles:
                assert self.store.get(scene).scene.title == titles[-1]
                assert self.store.get(scene, 1).scene.title == titles[0]


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=10, stateful_step_count=12, deadline=None)
