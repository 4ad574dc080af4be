"""What a layer must not sound like: the words of the scene's other layers, as they were when it was written.

A layer keeps what it was told until its own words change. So an edit of one layer never makes another stale,
and an undo finds the take that it had. Pure.
"""

from __future__ import annotations

from collections.abc import Collection

from scene_schema.scene import SPOKEN, Layer, Scene

WHOLE = "caption"
"""The view that describes the whole scene: it is apart from nothing, and nothing is apart from it."""


def kept_apart(before: Scene | None, after: Scene, said: Collection[str] = ()) -> Scene:
    """`after`, with `apart_from` filled in where a layer is new or its words or seed are.

    Args:
        before: the scene as it was; None: there was none.
        said: ids of the layers whose `apart_from` the writer has given: they stay as they are.
    """
    old = {} if before is None else {one.id: one for one in before.layers}
    layers = []
    for layer in after.layers:
        known = old.get(layer.id)
        if layer.id in said:
            words = layer.apart_from
        elif known is not None and all(getattr(known, name) == getattr(layer, name) for name in SPOKEN):
            words = known.apart_from
        else:
            words = others_words(after, layer)
        layers.append(layer if words == layer.apart_from else layer.model_copy(update={"apart_from": words}))
    return after if layers == after.layers else after.model_copy(update={"layers": layers})


def others_words(scene: Scene, layer: Layer) -> list[str]:
    """The captions of the other layers, each once and in order, without the layer's own."""
    if layer.view == WHOLE:
        return []
    others = (one.caption for one in scene.layers if one.view != WHOLE)
    return [words for words in dict.fromkeys(others) if words and words != layer.caption]
