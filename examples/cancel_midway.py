"""Cancels a render in its middle, then shows that the engine is free for the next one at once.

python examples/cancel_midway.py
"""
# ruff: noqa: T201 - an example prints

import asyncio

from clients.python import AsyncClient, LocalEngine
from scene_schema.messages import JobStatus
from scene_schema.scene import Layer, Scene


async def story(address: str) -> list[str]:
    ends = []
    async with AsyncClient(address) as client:
        await client.wait_ready()
        await client.create_scene(
            Scene(id="shore", layers=[Layer(id="sea", view="env", caption="slow ocean waves")])
        )
        events = client.events()
        accepted = await client.start_render("shore")
        async for event in events:
            job = event.content
            if not isinstance(job, JobStatus) or job.job != accepted.jobs[0].job:
                continue
            print(f"{job.state} {job.stage} {job.step}/{job.steps}")
            if job.state == "running" and job.stage == "sampling" and job.step >= 2:
                break
        await client.cancel(accepted.jobs[0].job)
        ended = await client.wait(accepted)
        ends.append(ended.jobs[0].state)

        accepted = await client.edit_layer("shore", "sea", {"caption": "heavy rain"})
        rendered = await client.wait(accepted)
        ends.append(rendered.jobs[0].state)
    print(f"the first render: {ends[0]}; the next one: {ends[1]}")
    return ends


def main(model: str = "compact") -> list[str]:
    with LocalEngine(model) as engine:
        return asyncio.run(story(engine.address))


if __name__ == "__main__":
    main()
