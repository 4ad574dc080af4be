"""The adapter: masks. Its numbers: test_golden.py."""

from __future__ import annotations

import torch

from tests.engine.models import golden


@torch.no_grad()
def test_padding_does_not_move_what_is_heard() -> None:
    """Longer padding leaves the valid tokens' context and the clip's length as they were."""
    model = golden.tiny_audiogen()
    states, mask = torch.randn(1, 6, 32), torch.tensor([[1, 1, 1, 1, 0, 0]])
    short = model.read(states[:, :5], mask[:, :5])
    padded = model.read(states, mask)
    torch.testing.assert_close(padded.context[:, :4], short.context[:, :4])
    torch.testing.assert_close(padded.global_log_duration, short.global_log_duration)
    torch.testing.assert_close(padded.local_log_duration[:, :4], short.local_log_duration[:, :4])
    assert not padded.local_log_duration[:, 4:].any()


@torch.no_grad()
def test_instruction_tokens_past_its_length_are_not_heard() -> None:
    adapter = golden.tiny_audiogen().content_adapter
    content, mask = torch.randn(1, 3, 32), torch.ones(1, 3)
    instruction, valid = torch.randn(1, 5, 32), torch.tensor([[True, True, True, False, False]])
    other = instruction.clone()
    other[:, 3:] = 9.0
    torch.testing.assert_close(
        adapter(content, mask, instruction, valid).context, adapter(content, mask, other, valid).context
    )
