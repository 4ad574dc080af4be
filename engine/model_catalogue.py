"""The published models that have a name here, and the hub's repositories of their pieces. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Piece = Literal["generator", "codec", "text_encoder"]


@dataclass(frozen=True)
class Repository:
    """One piece's home on the hub."""

    id: str
    piece: Piece
    licence: str
    """SPDX identifier."""


@dataclass(frozen=True)
class NamedModel:
    """A published model: its generator, the codec of its latents, the encoder that reads its prompt."""

    name: str
    title: str
    generator: Repository
    codec: Repository
    text_encoder: Repository

    @property
    def repositories(self) -> tuple[Repository, ...]:
        return (self.generator, self.codec, self.text_encoder)


_CODEC: Final = Repository("mispeech/dashengtokenizer", "codec", "Apache-2.0")

MODELS: Final[Mapping[str, NamedModel]] = {
    model.name: model
    for model in (
        NamedModel(
            name="dasheng",
            title="Dasheng-AudioGen",
            generator=Repository("mispeech/Dasheng-AudioGen", "generator", "Apache-2.0"),
            codec=_CODEC,
            text_encoder=Repository("google/flan-t5-large", "text_encoder", "Apache-2.0"),
        ),
        NamedModel(
            name="dasheng-multilingual",
            title="Dasheng-AudioGen Multilingual",
            generator=Repository("mispeech/Dasheng-AudioGen-Multilingual", "generator", "Apache-2.0"),
            codec=_CODEC,
            text_encoder=Repository("google/mt5-large", "text_encoder", "Apache-2.0"),
        ),
    )
}
