"""Renders a scene, edits one layer, and shows that the other stems did not change by one bit.

python examples/edit_one_layer.py
"""
# ruff: noqa: T201 - an example prints

from pathlib import Path

from clients.python import Client, LocalEngine
from scene_schema.documents import scene_from_yaml

SCENE = Path(__file__).parent / "rainy_station.yaml"


def main(out: Path = Path("edit_one_layer_out"), model: str = "compact") -> None:
    scene = scene_from_yaml(SCENE.read_text("utf-8"))
    with LocalEngine(model) as engine, Client(engine.address) as client:
        client.create_scene(scene)
        client.render(scene.id, on_progress=lambda job: print(f"  {job.layer}: {job.state} {job.stage}"))
        before = client.deliver(scene.id, out / "before", rate_hz=48_000)

        accepted = client.edit_layer(scene.id, "rain", {"caption": "ocean waves"})
        print(f"revision {accepted.revision} made stale: {', '.join(accepted.stale)}")
        client.wait(accepted)
        after = client.deliver(scene.id, out / "after", rate_hz=48_000)

    for layer, path in before.stems.items():
        same = path.read_bytes() == after.stems[layer].read_bytes()
        print(f"{layer}: {'the same, byte for byte' if same else 'new'}")


if __name__ == "__main__":
    main()
