"""Five takes of one door slam: the same caption and cue, five seeds. Old takes stay; going back is instant.

python examples/five_takes.py
"""
# ruff: noqa: T201 - an example prints

import shutil
from pathlib import Path

from clients.python import Client, LocalEngine
from scene_schema.scene import Cue, Layer, Scene

SLAM = Layer(id="door", view="sfx", caption="a door slams", cues=[Cue(at_s=1.2, text="door slam")])


def main(out: Path = Path("five_takes_out"), model: str = "compact") -> list[Path]:
    takes = []
    with LocalEngine(model) as engine, Client(engine.address) as client:
        client.create_scene(Scene(id="doors", duration_s=3.0, layers=[SLAM]))
        for seed in range(5):
            client.edit_layer("doors", "door", {"seed": seed})
            client.render("doors")
            delivered = client.deliver("doors", out / "newest", rate_hz=48_000)
            take = out / f"door_seed{seed}.wav"
            shutil.copyfile(delivered.stems["door"], take)
            takes.append(take)
            print(f"seed {seed}: {take}")

        back = client.edit_layer("doors", "door", {"seed": 0})
        print(f"back to seed 0: {len(back.stale)} stale stems, the take was kept")
    return takes


if __name__ == "__main__":
    main()
