"""Prompts to the hidden states of a published text encoder (T5, mT5), through transformers.

Letters: B prompts, L tokens of the longest prompt, W width of the states.
Everything is read from one folder on this disk: no network, no code from the folder, no pickle. Of a file
with encoder and decoder only the encoder is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from scene_schema.errors import Finding, Refused

INSTALL: Final = "pip install 'stemscape[dasheng]'"


class TextReader:
    """A loaded encoder with its tokenizer. Frozen: it is never trained here."""

    def __init__(self, tokenizer: Any, encoder: Any, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer
        self._encoder = encoder

    @classmethod
    def load(cls, folder: Path, *, max_tokens: int, dtype: torch.dtype = torch.float32) -> TextReader:
        """Reads the encoder in `folder` (config, safetensors, tokenizer).

        Raises `Refused` (`model_failed`) where transformers is not installed, or where the folder's files
        cannot be read, do not fit their config, or lack some of the encoder's tensors.
        """
        try:
            from transformers import AutoModelForTextEncoding, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise Refused(
                "model_failed",
                f"the text encoder needs transformers: {error}",
                remedy=f"Install it: {INSTALL}",
            ) from error
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # it lists the decoder's tensors, which nobody wants, as unexpected
        logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            encoder, loading = AutoModelForTextEncoding.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
                output_loading_info=True,
            )
        except ImportError as error:  # sentencepiece or protobuf, for a folder without tokenizer.json
            raise Refused(
                "model_failed",
                f"the tokenizer in {folder} needs a package: {error}",
                remedy=f"Install it: {INSTALL}",
            ) from error
        except Exception as error:  # whatever a damaged folder makes a large library raise
            raise _unreadable(folder, str(error)) from error
        finally:
            logging.set_verbosity(verbosity)
            logging.enable_progress_bar()
        missing = sorted(loading["missing_keys"])
        if missing:
            raise _unreadable(folder, f"it lacks {', '.join(missing[:8])} ({len(missing)} tensors in all)")
        return cls(tokenizer, encoder.eval().requires_grad_(False), max_tokens)

    @property
    def text_dim(self) -> int:
        """W."""
        return int(self._encoder.config.d_model)

    @property
    def device(self) -> torch.device:
        """Where the encoder lies."""
        device: torch.device = self._encoder.device
        return device

    def to(self, device: torch.device | str) -> TextReader:
        """Moves the encoder; returns itself."""
        self._encoder.to(device)
        return self

    def count(self, prompt: str) -> int:
        """The tokens of a prompt, its end mark included."""
        return len(self._tokenizer(prompt)["input_ids"])

    @torch.inference_mode()
    def read(self, prompts: list[str], *, field: str = "$.caption") -> tuple[Tensor, Tensor]:
        """States (B, L, W) and mask (B, L) bool, padded at the end to the longest prompt.

        Padding to `max_tokens`, as the published code does, gives the same states where the mask is true.
        Raises `Refused` (`unsupported`), naming `field`, for a prompt of more than `max_tokens` tokens: the
        published code would cut it, and its end would never be heard.
        """
        tokens = self._tokenizer(prompts)["input_ids"]  # B lists
        longest = max(len(one) for one in tokens)
        if longest > self.max_tokens:
            finding = Finding(
                field=field,
                expected=f"with the scene's other words at most {self.max_tokens} tokens of the text encoder",
                got=f"{longest} tokens",
            )
            raise Refused(
                "unsupported",
                "this text is longer than the model reads",
                findings=[finding],
                remedy="Shorten the caption or its words; a token is about four letters.",
            )
        padded = self._tokenizer.pad(
            {"input_ids": tokens}, padding="longest", padding_side="right", return_tensors="pt"
        ).to(self.device)
        mask = padded["attention_mask"]  # (B, L)
        states: Tensor = self._encoder(
            input_ids=padded["input_ids"], attention_mask=mask
        ).last_hidden_state  # (B, L, W)
        return states, mask.bool()


def _unreadable(folder: Path, story: str) -> Refused:
    return Refused(
        "model_failed",
        f"the text encoder in {folder} cannot be loaded: {story}",
        remedy="Fetch it again, for example: stemscape models pull dasheng",
    )
