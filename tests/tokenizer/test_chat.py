"""The prompt against the model's own template, run by Jinja, and against llama.cpp's ids."""

import json

import jinja2
import pytest

from membound.gguf.reader import read_gguf
from membound.tokenizer.bpe import Tokenizer
from membound.tokenizer.chat import SMOLLM2_SYSTEM, chat_prompt

TALK = [
    {"role": "user", "content": "What is gravity?"},
    {"role": "assistant", "content": "A force."},
    {"role": "user", "content": "Why?"},
]


@pytest.mark.model
@pytest.mark.parametrize("messages", [TALK, [{"role": "system", "content": "Be brief."}, *TALK]])
def test_the_prompt_is_what_the_files_template_makes(model_path, messages):
    with read_gguf(model_path) as file:
        template = jinja2.Template(file.metadata["tokenizer.chat_template"])
    expected = template.render(messages=messages, add_generation_prompt=True)
    assert chat_prompt(messages, system=SMOLLM2_SYSTEM) == expected


@pytest.mark.model
def test_the_prompts_ids_are_those_that_llama_cpp_ran(model_path, data):
    with read_gguf(model_path) as file:
        tokenizer = Tokenizer.from_metadata(file.metadata)
    cases = json.loads((data / "smollm2-greedy.json").read_text())["cases"]
    asked = [case for case in cases if "prompt" in case]
    for case in asked:
        prompt = chat_prompt([{"role": "user", "content": case["prompt"]}])
        assert tokenizer.encode(prompt) == case["prompt_ids"]
    assert len(asked) == 3


def test_a_system_message_of_the_callers_takes_the_place_of_the_default():
    own = [{"role": "system", "content": "Be brief."}, TALK[0]]
    assert chat_prompt(own, system=SMOLLM2_SYSTEM) == chat_prompt(own)
    assert chat_prompt(own) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nWhat is gravity?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_prompt_needs_a_message():
    with pytest.raises(ValueError, match="at least one message"):
        chat_prompt([])


def test_the_callers_messages_stay_as_they_were():
    messages = list(TALK)
    chat_prompt(messages, system=SMOLLM2_SYSTEM)
    assert messages == TALK
