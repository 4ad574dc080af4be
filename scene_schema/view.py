"""What a layer can be of. A value only."""

from __future__ import annotations

from typing import Final, Literal, get_args

View = Literal["caption", "speech", "asr", "sfx", "music", "env"]
"""The model's six views: whole scene, who speaks and how, the words, effects, music, environment."""

VIEWS: Final[tuple[View, ...]] = get_args(View)
