"""Targets, and numbers that could not be measured."""

from benchmarks.findings import TARGETS, Findings, Target, speech_target


def test_a_target_is_a_bound_either_way() -> None:
    assert Target("", at_least=0.9).met(0.9)
    assert not Target("", at_least=0.9).met(0.89)
    assert Target("", at_most=15).met(15)
    assert not Target("", at_most=0).met(1)
    assert str(Target("", at_most=0)) == "≤ 0"
    assert Target("").met(1e9)


def test_speech_is_held_to_the_voices() -> None:
    assert speech_target({"wer_voices": 0.1}).at_most == 0.15
    assert speech_target({"wer_voices": None}).at_most is None


def test_what_is_missing_is_null_and_says_why() -> None:
    found = Findings({"tempo_ok": 0.97})
    other = Findings()
    other.missing("no soundfont", "music_mel_l1")
    found.take(other)
    data = found.as_data()
    assert data["tempo_ok"] == 0.97
    assert data["music_mel_l1"] is None
    assert data["not_measured"] == {"music_mel_l1": "no soundfont"}


def test_the_issues_numbers_all_have_targets() -> None:
    asked = (
        "sound_accuracy paraphrase_accuracy cue_median_ms cue_p90_ms cues_missed cues_extra tempo_ok "
        "beat_median_ms wer_generated wer_voices phoneme_drop music_mel_l1 texture_db_error level_drift_db "
        "diversity_ratio leakage key_kept layer_s draft_s ready_s worker_rss_mb"
    )
    assert set(asked.split()) <= set(TARGETS)
