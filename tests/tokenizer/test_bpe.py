"""Ids against llama.cpp's (tests/data), and what its ids leave open."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.gguf.reader import read_gguf
from membound.tokenizer.alphabet import to_alphabet
from membound.tokenizer.bpe import CONTROL, NORMAL, USER_DEFINED, StreamDecoder, Tokenizer


def byte_vocabulary():
    """All 256 bytes but 0x04, then "he", "ll", "hell", and two special tokens, one in the other."""
    tokens = [to_alphabet(bytes([byte])) for byte in range(256) if byte != 4]
    specials = ["<|end|>", "<|end|><|end|>", "<user>"]
    types = [NORMAL] * 258 + [CONTROL, CONTROL, USER_DEFINED]
    return [*tokens, "he", "ll", "hell", *specials], types


@pytest.fixture(scope="module")
def small():
    vocabulary, types = byte_vocabulary()
    merges = ["h e", "l l", "he ll"]
    return Tokenizer(vocabulary, merges, types, pre="gpt-2", bos_id=3, eos_id=258)


@pytest.fixture(scope="module")
def smollm(model_path):
    with read_gguf(model_path) as file:
        return Tokenizer.from_metadata(file.metadata)


@pytest.mark.model
def test_ids_are_those_of_llama_cpp(smollm, data):
    cases = json.loads((data / "smollm2-tokenizer.json").read_text())["cases"]
    for case in cases:
        parse_special = case.get("parse_special", False)
        assert smollm.encode(case["text"], parse_special=parse_special) == case["ids"]
    assert len(cases) > 20


@pytest.mark.model
def test_text_comes_back_from_its_ids(smollm, data):
    for case in json.loads((data / "smollm2-tokenizer.json").read_text())["cases"]:
        if "\x1d" not in case["text"]:
            assert smollm.decode(case["ids"]) == case["text"]


@pytest.mark.model
def test_the_real_vocabulary_lacks_the_21_bytes_that_the_docstring_speaks_of(smollm):
    lacking = [byte for byte in range(256) if smollm._byte_ids[byte] is None]
    assert lacking == [4, 6, 0x13, 0x14, 0x16, 0x1D, 0xC0, 0xC1, 0xF1, 0xF2, *range(0xF5, 0x100)]


@pytest.mark.model
def test_bos_and_eos_are_the_files(smollm):
    assert (smollm.vocabulary[smollm.bos_id], smollm.vocabulary[smollm.eos_id]) == (
        "<|im_start|>",
        "<|im_end|>",
    )


@given(st.text())
@settings(deadline=None, max_examples=200)
def test_any_text_without_a_missing_byte_comes_back(small, text):
    text = text.replace("\x04", "").encode(errors="replace").decode()
    assert small.decode(small.encode(text, parse_special=False)) == text


def test_merges_go_by_rank(small):
    assert [small.vocabulary[i] for i in small.encode("hello")] == ["hell", "o"]


def test_a_byte_without_a_token_is_dropped(small):
    assert small.encode("a\x04b") == small.encode("a") + small.encode("b")


def test_a_byte_without_a_token_is_refused_when_strict(small):
    with pytest.raises(ValueError, match=r"no token for byte 0x04 in '.*'"):
        small.encode("a\x04b", strict=True)


def test_nothing_merges_across_a_dropped_byte(small):
    assert small.encode("h\x04e") == small.encode("h") + small.encode("e")


def test_the_longest_special_token_wins(small):
    assert small.encode("<|end|><|end|>") == [259]
    assert small.encode("a<|end|>") == [*small.encode("a"), 258]


def test_special_tokens_are_plain_text_unless_asked_for(small):
    token_ids = small.encode("<|end|>", parse_special=False)
    assert len(token_ids) == 7
    assert small.decode(token_ids) == "<|end|>"


def test_user_defined_tokens_are_always_found(small):
    assert small.encode("<user>", parse_special=False) == [260]


def test_decode_accepts_numpy_ids(small):
    assert small.decode(np.array(small.encode("hello"))) == "hello"


@pytest.mark.parametrize("token_id", [-1, 261])
def test_an_id_outside_the_vocabulary_is_refused(small, token_id):
    with pytest.raises(ValueError, match=f"token ids go from 0 to 260, not {token_id}"):
        small.decode([token_id])


def test_bytes_that_are_not_utf8_decode_to_the_replacement_character(small):
    half = small.encode("é")[:1]
    assert small.decode(half) == "\ufffd"
    assert small.decode_bytes(half) == b"\xc3"


@given(st.text())
@settings(deadline=None)
def test_a_stream_gives_the_same_text_and_never_half_a_character(small, text):
    token_ids = small.encode(text.encode(errors="replace").decode(), parse_special=False)
    stream = StreamDecoder(small)
    parts = [stream.push(token_id) for token_id in token_ids]
    assert not any("\ufffd" in part for part in parts) or "\ufffd" in text
    assert "".join(parts) + stream.finish() == small.decode(token_ids)


@given(st.binary())
@settings(deadline=None)
def test_a_stream_of_any_bytes_gives_what_decode_gives(small, data):
    by_token = {token: token_id for token_id, token in enumerate(small.vocabulary)}
    token_ids = [by_token[to_alphabet(bytes([byte]))] for byte in data if byte != 4]
    stream = StreamDecoder(small)
    streamed = "".join(map(stream.push, token_ids)) + stream.finish()
    assert streamed == small.decode(token_ids)


def test_an_unfinished_character_is_held_back_until_finish(small):
    stream = StreamDecoder(small)
    assert [stream.push(token_id) for token_id in small.encode("é")] == ["", "é"]
    assert stream.push(small.encode("é")[0]) == ""
    assert stream.finish() == "\ufffd"


def test_another_pre_tokeniser_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match="must be one of gpt-2, smollm, not 'tekken'"):
        Tokenizer(["a"], [], [NORMAL], pre="tekken")


def test_a_merge_must_join_two_tokens_to_a_third():
    with pytest.raises(ValueError, match="merge 0, 'a b', is not two tokens that join to a third"):
        Tokenizer(["a", "b"], ["a b"], [NORMAL] * 2, pre="gpt-2")


def test_every_token_needs_a_type():
    with pytest.raises(ValueError, match="2 tokens need as many types, not 1"):
        Tokenizer(["a", "b"], [], [NORMAL], pre="gpt-2")


def test_a_file_with_another_kind_of_tokenizer_is_refused():
    with pytest.raises(ValueError, match=r"tokenizer\.ggml\.model must be 'gpt2' .*, not 'llama'"):
        Tokenizer.from_metadata({"tokenizer.ggml.model": "llama"})


GOOD = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a"],
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.token_type": np.array([NORMAL]),
    "tokenizer.ggml.pre": "gpt-2",
}


@pytest.mark.parametrize("value", [None, 3])
@pytest.mark.parametrize("key", ["tokens", "merges", "token_type", "pre"])
def test_metadata_that_are_missing_or_of_another_type_are_refused_by_their_key(key, value):
    assert Tokenizer.from_metadata(GOOD).encode("a") == [0]
    with pytest.raises(ValueError, match=rf"the metadata need tokenizer\.ggml\.{key} as"):
        Tokenizer.from_metadata(GOOD | {f"tokenizer.ggml.{key}": value})


@pytest.mark.parametrize("types", [np.full(1, np.inf), np.ones(1, bool)])
def test_types_that_are_no_whole_numbers_are_refused(types):
    with pytest.raises(ValueError, match="token types must be whole numbers, not array"):
        Tokenizer.from_metadata(GOOD | {"tokenizer.ggml.token_type": types})


@pytest.mark.parametrize("key", ["bos", "eos"])
@pytest.mark.parametrize("value", [1, -1, 0.0, True, "a", [0], np.zeros(40)])
def test_an_id_that_the_vocabulary_does_not_have_is_refused_on_one_line(key, value):
    with pytest.raises(ValueError, match=rf"^{key}_id must be an id from 0 to 0, not [^\n]*$"):
        Tokenizer.from_metadata(GOOD | {f"tokenizer.ggml.{key}_token_id": value})


@pytest.mark.parametrize("value", [np.array([], str), np.zeros(40), ["gpt2"] * 40])
def test_a_kind_that_is_no_text_is_refused_on_one_line(value):
    with pytest.raises(ValueError, match=r"^tokenizer\.ggml\.model must be [^\n]{0,200}$"):
        Tokenizer.from_metadata(GOOD | {"tokenizer.ggml.model": value})


@pytest.mark.parametrize("key", ["tokens", "merges"])
def test_tokens_and_merges_that_are_arrays_are_refused(key):
    with pytest.raises(ValueError, match="tokens and merges must be strings"):
        Tokenizer.from_metadata(GOOD | {f"tokenizer.ggml.{key}": [np.zeros(2)]})
