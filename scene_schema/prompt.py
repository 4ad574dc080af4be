"""The tagged prompt of the published model: six views, each `<|tag|> text`, joined by one space.

The composer's order is the published one (docs/dasheng-audiogen.md, "Prompt"); the parser takes any
order, because published examples put `asr` last. Pure text; knows nothing of tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from scene_schema.errors import Finding, Refused, shown
from scene_schema.origin import Mix
from scene_schema.scene import VIEWS, Layer, Scene, View, check_scene
from scene_schema.strict import Strict

_TAG: Final = re.compile(r"<\|([^|<>]*)\|>")
_SEPARATOR: Final = ", "  # between several layers of one view


class Prompt(Strict):
    """The text of each view; an empty string leaves the view out."""

    caption: str = ""
    speech: str = ""
    asr: str = ""
    sfx: str = ""
    music: str = ""
    env: str = ""

    def text(self) -> str:
        """`<|caption|> … <|speech|> …`, in the published order, empty views left out."""
        return " ".join(f"<|{view}|> {text}" for view in VIEWS if (text := getattr(self, view)))


def compose(scene: Scene) -> Prompt:
    """The views of a whole scene; several layers of one view are joined by a comma, words by a space.

    A scene without a caption of its own is described by its layers' captions.
    """
    words = [_words(layer) for layer in scene.layers]
    texts = {view: _join(layer.caption for layer in scene.layers if layer.view == view) for view in VIEWS}
    texts["asr"] = " ".join(word for word in words if word)
    described = [scene.caption, texts["caption"]] if scene.caption else [texts["caption"]]
    texts["caption"] = _join(described) or _join(layer.caption for layer in scene.layers)
    return Prompt(**texts)


def compose_layer(layer: Layer) -> Prompt:
    """The views of one layer alone, for rendering it apart from its scene."""
    texts: dict[str, str] = {"asr": _words(layer)}
    if layer.view != "asr":
        texts[layer.view] = layer.caption
    if layer.view not in ("asr", "caption"):
        texts["caption"] = layer.caption
    return Prompt(**texts)


def compose_sound(view: View, caption: str, transcript: str | None) -> Prompt:
    """The same from what a render is asked for."""
    return compose_layer(Layer(id="sound", view=view, caption=caption, transcript=transcript))


def compose_parts(mix: Mix) -> str:
    """The tagged text of a mix: its parts as the layers of a scene."""
    layers = [
        Layer(id=f"part-{place}", view=part.view, caption=part.caption, transcript=part.transcript)
        for place, part in enumerate(mix.parts)
    ]
    return compose(Scene(id="mix", caption=mix.scene_caption, layers=layers)).text()


def parse(text: str) -> Prompt:
    """Reads a tagged prompt, its tags in any order.

    Raises `Refused` (`invalid`) for text before the first tag, a tag that is no view, or a view twice.
    """
    pieces = _TAG.split(text)
    if pieces[0].strip() or len(pieces) == 1:
        raise _refused("a text that begins with a tag such as <|caption|>", text)
    found: dict[str, str] = {}
    for tag, content in zip(pieces[1::2], pieces[2::2], strict=True):
        name = tag.strip()
        if name not in VIEWS:
            raise _refused(f"one of the tags {', '.join(VIEWS)}", f"<|{tag}|>")
        if name in found:
            raise _refused(f"each tag once, but <|{name}|> comes twice", text)
        found[name] = content.strip()
    return Prompt(**found)


def prompt_from_record(record: Mapping[str, Any]) -> Prompt:
    """The prompt in one published example, whichever of its three shapes it has.

    A tagged text under `content`, a tagged text under `caption`, or one field a view.
    """
    for key in ("content", "caption"):
        text = record.get(key)
        if isinstance(text, str) and text.lstrip().startswith("<|"):
            return parse(text)
    fields = {view: str(record[view]).strip() for view in VIEWS if record.get(view)}
    if not fields:
        raise _refused(f"a tagged text, or fields named {', '.join(VIEWS)}", dict(record))
    return Prompt(**fields)


def scene_from_prompt(prompt: Prompt, scene_id: str, duration_s: float = 10.0) -> Scene:
    """A scene with one layer for each view that the prompt fills, its layers named after their views.

    A prompt with nothing but a whole-scene caption becomes one layer of view `caption`.
    """
    layers: list[dict[str, Any]] = []
    if prompt.speech:
        layers.append({"id": "speech", "view": "speech", "caption": prompt.speech})
        if prompt.asr:
            layers[-1]["transcript"] = prompt.asr
    elif prompt.asr:
        layers.append({"id": "asr", "view": "asr", "caption": prompt.asr})
    views: tuple[View, ...] = ("sfx", "music", "env")
    layers += [
        {"id": view, "view": view, "caption": text} for view in views if (text := getattr(prompt, view))
    ]
    if not layers:
        layers.append({"id": "caption", "view": "caption", "caption": prompt.caption})
    return check_scene(
        {"id": scene_id, "caption": prompt.caption, "duration_s": duration_s, "layers": layers}
    )


def _words(layer: Layer) -> str:
    return layer.caption if layer.view == "asr" else (layer.transcript or "")


def _join(texts: Any) -> str:
    return _SEPARATOR.join(text for text in texts if text)


def _refused(expected: str, got: object) -> Refused:
    finding = Finding(field="$.prompt", expected=expected, got=shown(got))
    return Refused("invalid", "this is not a tagged prompt", findings=[finding])
