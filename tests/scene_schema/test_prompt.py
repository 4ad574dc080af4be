"""Tagged prompts, composed from layers and parsed back. Examples: published prompts, in tests/data."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene_schema.errors import Refused
from scene_schema.prompt import Prompt, compose, compose_layer, parse, prompt_from_record, scene_from_prompt
from scene_schema.scene import VIEWS, check_scene

EXAMPLES = Path(__file__).parent.parent / "data" / "published_examples.jsonl"
PUBLISHED = [json.loads(line) for line in EXAMPLES.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("record", PUBLISHED, ids=lambda record: record["audio_id"])
def test_every_published_example_parses_and_comes_back_from_its_layers(record: dict[str, Any]) -> None:
    prompt = prompt_from_record(record)
    assert prompt.caption
    scene = scene_from_prompt(prompt, "published")
    assert compose(scene) == prompt
    assert parse(compose(scene).text()) == prompt


def test_there_are_nineteen_published_examples() -> None:
    assert len(PUBLISHED) == 19


def test_the_published_order_differs_from_ours_and_means_the_same() -> None:
    theirs = PUBLISHED[0]["content"]
    assert theirs.index("<|asr|>") > theirs.index("<|env|>")
    ours = parse(theirs).text()
    assert ours.index("<|asr|>") < ours.index("<|sfx|>")
    assert parse(ours) == parse(theirs)


def test_layers_of_one_view_are_joined_and_words_follow_each_other() -> None:
    scene = check_scene(
        {
            "id": "s",
            "caption": "A yard",
            "layers": [
                {"id": "a", "view": "sfx", "caption": "door slam"},
                {"id": "b", "view": "sfx", "caption": "dog bark"},
                {"id": "c", "view": "speech", "caption": "a man", "transcript": "Come in."},
                {"id": "d", "view": "asr", "caption": "Sit down."},
            ],
        }
    )
    assert compose(scene).text() == (
        "<|caption|> A yard <|speech|> a man <|asr|> Come in. Sit down. <|sfx|> door slam, dog bark"
    )
    assert compose_layer(scene.layer("c")) == Prompt(caption="a man", speech="a man", asr="Come in.")
    assert compose_layer(scene.layer("d")) == Prompt(asr="Sit down.")


@pytest.mark.parametrize(
    "text, says",
    [
        ("rain", "begins with a tag"),
        ("", "begins with a tag"),
        ("hello <|env|> rain", "begins with a tag"),
        ("<|weather|> rain", "one of the tags caption, speech"),
        ("<|env|> rain <|env|> wind", "comes twice"),
    ],
)
def test_what_is_no_prompt_is_refused(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        parse(text)


plain = st.text(
    st.characters(codec="utf-8", exclude_characters="<|>", exclude_categories=["Cs", "Cc"]), max_size=30
)


@given(st.fixed_dictionaries(dict.fromkeys(VIEWS, plain)))
def test_any_prompt_comes_back(texts: dict[str, str]) -> None:
    prompt = Prompt(**{view: text.strip() for view, text in texts.items()})
    if any(texts[view].strip() for view in VIEWS):
        assert parse(prompt.text()) == prompt


@given(st.text(max_size=100))
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        parse(text)
    except Refused as refused:
        assert refused.findings[0].field == "$.prompt"
