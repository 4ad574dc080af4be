"""Pulling over real HTTP: what arrives, what an interruption leaves, what each refusal says to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from engine.model_catalogue import MODELS
from tests.fake_hub import FakeHub, FakeRepository, sha256
from tests.make_tiny_published import make_tiny_published

ROOT = Path(__file__).parents[2]
GENERATOR, CODEC, ENCODER = (repository.id for repository in MODELS["dasheng"].repositories)
PIECES = {GENERATOR: "generator", CODEC: "codec", ENCODER: "text_encoder"}
CODE = b"import os; os.system('true')"
BREAK_BYTES = 12 * 2**20


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_published(folder)
    return folder


@pytest.fixture
def hub(tiny: Path) -> Iterator[FakeHub]:
    """All of `dasheng`, and beside it what must never be fetched."""
    unwanted = {"modeling.py": CODE, "pytorch_model.bin": b"\x80" * 30_000, "README.md": b"words"}
    repositories = {
        id_: FakeRepository(
            {"main": {file.name: file.read_bytes() for file in (tiny / piece).iterdir()} | unwanted}
        )
        for id_, piece in PIECES.items()
    }
    hub = FakeHub(repositories).start()
    yield hub
    hub.stop()


@pytest.fixture
def run(hub: FakeHub, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`stemscape WORDS`, with a cache of its own and the fake hub for the real one."""

    def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "clients.python.cli", *map(str, words)],
            env=surroundings(hub, tmp_path) | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def surroundings(hub: FakeHub, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
    }


def enlarge(hub: FakeHub) -> None:
    """Makes the generator's file longer than the library writes at a time, by a tensor that nobody reads."""
    files = hub.repositories[GENERATOR].revisions["main"]
    unread = {"backbone.mid_block.attn.rotary.inv_freq": torch.rand(6 * 2**20)}
    files["model.safetensors"] = save(load(files["model.safetensors"]) | unread)


def cached(tmp_path: Path, repository: str) -> Path:
    return tmp_path / "hf" / "hub" / f"models--{repository.replace('/', '--')}"


def answer(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(ran.stdout)
    return read


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_fresh_pull_is_whole_and_found_by_name(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    pulled = run("models", "pull", "dasheng", "--json")
    assert pulled.returncode == 0, pulled.stderr
    names = {path.name for path in (tmp_path / "hf").rglob("snapshots/*/*")}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    info = answer(run("models", "info", "dasheng", "--json"))
    assert info["state"] == "ready"
    assert info["weights_sha256"] == answer(pulled)["weights_sha256"]
    assert [piece["licence"] for piece in info["pieces"]] == ["Apache-2.0"] * 3
    listed = {one["name"]: one["state"] for one in answer(run("models", "list", "--json"))["models"]}
    assert listed == {"compact": "ready", "dasheng": "ready", "dasheng-multilingual": "absent"}

    asked = len(hub.asked)
    again = run("models", "pull", "dasheng")
    assert again.returncode == 0
    assert "dasheng is here and whole" in again.stdout
    assert not [one for one in hub.asked[asked:] if one[0] == "GET" and "/resolve/" in one[1]]


def test_a_pulled_model_is_the_folder_it_was_made_from(run: Run, tiny: Path) -> None:
    pulled = answer(run("models", "pull", "dasheng", "--json"))
    folder = answer(run("models", "info", tiny, "--json"))
    assert pulled["weights_sha256"] == folder["weights_sha256"]
    bare = answer(run("models", "info", pulled["folder"], "--json"))
    assert bare["weights_sha256"] == folder["weights_sha256"]


def test_a_cut_connection_costs_nothing_that_had_arrived(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    """Each connection breaks after a while; the library goes on by itself, and asks for the rest only."""
    enlarge(hub)
    hub.cut_after["model.safetensors"] = BREAK_BYTES
    pulled = run("models", "pull", "dasheng", "--json")
    assert pulled.returncode == 0, pulled.stdout + pulled.stderr
    asked = [int(one.removeprefix("bytes=").rstrip("-")) for one in hub.ranges("model.safetensors") if one]
    assert asked, "the rest was asked for"
    assert asked == [10 * 2**20, 20 * 2**20]  # the library writes so much at a time


def part_of_the_weights(process: subprocess.Popen[Any], hub: FakeHub, tmp_path: Path) -> Path:
    """The generator's weights, once some of them have arrived; a small file's part is not taken for them."""
    digest = sha256(hub.repositories[GENERATOR].revisions["main"]["model.safetensors"])
    partial = cached(tmp_path, GENERATOR) / "blobs" / f"{digest}.incomplete"
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    return partial


def test_a_killed_pull_goes_on_where_it_ended(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    enlarge(hub)
    hub.cut_after["model.safetensors"] = BREAK_BYTES  # it waits a second before it asks again
    weights = hub.repositories[GENERATOR].revisions["main"]["model.safetensors"]
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.model_shelf", "pull", "dasheng"],
        env=surroundings(hub, tmp_path),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    partial = part_of_the_weights(process, hub, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = partial.stat().st_size
    assert 0 < left < len(weights)
    assert answer(run("models", "info", "dasheng", "--json"))["state"] == "partly"
    assert "stemscape models pull dasheng" in run("serve", "--model", "dasheng", "--port", "0").stderr

    hub.cut_after.clear()
    asked = len(hub.asked)
    assert run("models", "pull", "dasheng").returncode == 0
    resumed = [at for method, path, at in hub.asked[asked:] if method == "GET" and GENERATOR in path and at]
    assert resumed == [f"bytes={left}-"]


def test_ctrl_c_says_what_to_do_and_keeps_what_arrived(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    enlarge(hub)
    hub.cut_after["model.safetensors"] = BREAK_BYTES
    process = subprocess.Popen(
        [sys.executable, "-m", "clients.python.cli", "models", "pull", "dasheng"],
        env=surroundings(hub, tmp_path),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    partial = part_of_the_weights(process, hub, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Run the command again" in said
    assert "Traceback" not in said
    assert partial.stat().st_size


def test_a_damaged_file_is_thrown_away(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    hub.damaged.add("model.safetensors")
    refused = run("models", "pull", "dasheng", "--json")
    assert refused.returncode == 2
    assert "model.safetensors of" in answer(refused)["error"]["message"]
    assert "run the same command again" in answer(refused)["error"]["remedy"]
    assert not [
        path for path in (tmp_path / "hf").rglob("*") if path.is_file() and path.stat().st_size > 20_000
    ]
    hub.damaged.clear()
    assert run("models", "pull", "dasheng").returncode == 0


def test_a_damaged_small_file_is_thrown_away(run: Run, hub: FakeHub) -> None:
    hub.damaged.add("config.json")
    refused = run("models", "pull", "dasheng", "--json")
    assert "config.json of" in answer(refused)["error"]["message"]
    hub.damaged.clear()
    assert run("models", "pull", "dasheng").returncode == 0


def test_what_another_program_left_damaged_is_found(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    """A whole-sized blob under the right name, whose content nobody ever checked."""
    assert run("models", "pull", "dasheng").returncode == 0
    blob = (cached(tmp_path, CODEC) / "refs" / "main").read_text()
    weights = (cached(tmp_path, CODEC) / "snapshots" / blob / "model.safetensors").resolve()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    refused = run("models", "pull", "dasheng", "--json")
    assert "arrived damaged" in answer(refused)["error"]["message"]
    assert run("models", "pull", "dasheng").returncode == 0


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (401, "denied", "hf auth login"),
        (403, "denied", "Accept its terms"),
        (404, "not_found", "docs/models.md"),
        (500, "model_failed", "Wait a moment"),
    ],
)
def test_refusals_of_the_hub(run: Run, hub: FakeHub, status: int, code: str, says: str) -> None:
    if status == 404:
        del hub.repositories[ENCODER]
    else:
        hub.repositories[ENCODER].refuses = status
    refused = run("models", "pull", "dasheng", "--json")
    assert refused.returncode == 2
    error = answer(refused)["error"]
    assert error["code"] == code
    assert ENCODER in error["message"]
    assert says in error["remedy"]


def test_a_gated_repository_needs_a_token(run: Run, hub: FakeHub) -> None:
    hub.repositories[GENERATOR].gated = True
    error = answer(run("models", "pull", "dasheng", "--json"))["error"]
    assert error["code"] == "denied"
    assert GENERATOR in error["message"]
    assert run("models", "pull", "dasheng", HF_TOKEN="hf_" + "a" * 34).returncode == 0


def test_a_revision_that_is_not_there(run: Run) -> None:
    refused = run("models", "pull", "dasheng", "--revision", f"{GENERATOR}=v9", "--json")
    assert answer(refused)["error"]["code"] == "not_found"
    assert "no revision 'v9'" in answer(refused)["error"]["message"]
    refused = run("models", "pull", "dasheng", "--revision", "v9", "--json")
    assert answer(refused)["error"]["findings"][0]["field"] == "--revision"


def test_a_named_revision_is_fetched(run: Run, hub: FakeHub) -> None:
    repository = hub.repositories[GENERATOR]
    repository.revisions["v2"] = repository.revisions["main"] | {
        "config.json": repository.revisions["main"]["config.json"] + b"\n"
    }
    pulled = run("models", "pull", "dasheng", "--revision", f"{GENERATOR}=v2", "--json")
    assert answer(pulled)["pieces"][0]["commit"] == repository.commit("v2")


def test_missing_weights_are_named(run: Run, hub: FakeHub) -> None:
    del hub.repositories[ENCODER].revisions["main"]["model.safetensors"]
    refused = run("models", "pull", "dasheng", "--json")
    finding = answer(refused)["error"]["findings"][0]
    assert (finding["field"], finding["expected"]) == (f"{ENCODER}@main", "model.safetensors")
    assert "pickle" in answer(refused)["error"]["remedy"]


def test_weights_that_only_the_converters_pull_request_has(run: Run, hub: FakeHub) -> None:
    repository = hub.repositories[ENCODER]
    whole = repository.revisions["main"]
    del (pickled := dict(whole))["model.safetensors"]
    repository.revisions = {"main": pickled, "refs/pr/7": whole, "refs/pr/8": whole | {"config.json": b"{}"}}
    repository.converted_in = 7
    pulled = run("models", "pull", "dasheng", "--json")
    assert pulled.returncode == 0, pulled.stdout
    assert answer(pulled)["pieces"][2]["commit"] == repository.commit("refs/pr/7")
    assert answer(run("models", "info", "dasheng", "--json"))["state"] == "ready"


def test_tensors_of_another_model_are_refused(run: Run, hub: FakeHub) -> None:
    files = hub.repositories[CODEC].revisions["main"]
    files["config.json"] = json.dumps(json.loads(files["config.json"]) | {"decoder_embed_dim": 40}).encode()
    refused = run("models", "pull", "dasheng", "--json")
    assert refused.returncode == 2
    got = answer(refused)["error"]["findings"][0]["got"]
    assert "wrong shape" in got


def test_offline_a_whole_model_is_enough(run: Run, hub: FakeHub) -> None:
    refused = run("models", "pull", "dasheng", "--json", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in answer(refused)["error"]["message"]
    assert hub.asked == []
    assert run("models", "pull", "dasheng").returncode == 0
    asked = len(hub.asked)
    pulled = run("models", "pull", "dasheng", "--json", HF_HUB_OFFLINE="1")
    assert answer(pulled)["offline"] is True
    assert len(hub.asked) == asked


def test_an_unreachable_hub(run: Run) -> None:
    refused = run("models", "pull", "dasheng", "--json", HF_ENDPOINT="http://127.0.0.1:9")
    error = answer(refused)["error"]
    assert "http://127.0.0.1:9 cannot be reached" in error["message"]
    assert "HTTPS_PROXY" in error["remedy"]


def test_removing_leaves_what_others_use(run: Run, hub: FakeHub, tmp_path: Path) -> None:
    assert run("models", "pull", "dasheng").returncode == 0
    done = answer(run("models", "remove", "dasheng", "--json"))
    assert [one["id"] for one in done["removed"]] == [GENERATOR, CODEC]
    assert [one["id"] for one in done["kept"]] == [ENCODER]
    assert not cached(tmp_path, GENERATOR).exists()
    assert answer(run("models", "info", "dasheng", "--json"))["state"] == "absent"
    done = answer(run("models", "remove", "dasheng", "--all", "--json"))
    assert [one["id"] for one in done["removed"]] == [ENCODER]
    assert answer(run("models", "remove", "dasheng", "--json"))["error"]["code"] == "not_found"
