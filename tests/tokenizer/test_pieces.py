"""Pieces against GPT-2's published pattern, its classes spelled out for a few characters."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from membound.tokenizer.pieces import classes_of, cut_out, gpt2_pieces, smollm_pieces


def test_classes_keep_what_the_pattern_names():
    assert classes_of("I'm 12!\n") == "L'm NNOS"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("It's we've", ["It", "'s", " we", "'ve"]),
        ("'S ''s's", ["'", "S", " ''", "s", "'s"]),
        ("a   b", ["a", "  ", " b"]),
        ("a \n", ["a", " \n"]),
        ("a\tb", ["a", "\t", "b"]),
        ("x=10²!?", ["x", "=", "10²", "!?"]),
        ("\x1c a", ["\x1c", " a"]),
        ("a\x85b", ["a", "\x85", "b"]),
        ("naïve 数学", ["naïve", " 数学"]),
    ],
)
def test_gpt2_cuts_as_its_pattern_says(text, pieces):
    assert list(gpt2_pieces(text)) == pieces


def test_smollm_makes_each_digit_a_piece():
    assert list(smollm_pieces("in 2026½")) == ["in", " ", "2", "0", "2", "6", "½"]


LETTERS, NUMBERS, SPACES, OTHERS = "aelmrstvdSéß数", "12²Ⅷ٣", " \n\t\x85\xa0\u3000", "'!_\x1c\u200d"
PUBLISHED = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+".replace(
        r"[^\s\p{L}\p{N}]", f"[^{SPACES}{LETTERS}{NUMBERS}]"
    )
    .replace(r"\p{L}", f"[{LETTERS}]")
    .replace(r"\p{N}", f"[{NUMBERS}]")
    .replace(r"\S", f"[^{SPACES}]")
    .replace(r"\s", f"[{SPACES}]")
)
texts = st.text(alphabet=st.sampled_from(LETTERS + NUMBERS + SPACES + OTHERS), max_size=30)


@given(texts)
@settings(deadline=None, max_examples=500)
def test_gpt2_cuts_where_the_published_pattern_cuts(text):
    assert list(gpt2_pieces(text)) == PUBLISHED.findall(text)


@given(texts)
@settings(deadline=None)
def test_smollms_pieces_together_are_the_text(text):
    assert "".join(smollm_pieces(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("abc", ["abc"]),
        ("a<x>b", ["a", 7, "b"]),
        ("<x><x>", ["", 7, "", 7, ""]),
        ("<x><x>>", ["", 7, "", 8, ""]),
        ("", [""]),
    ],
)
def test_special_tokens_are_cut_out_in_their_order(text, parts):
    special = {"<x>>": 8, "<x>": 7}
    assert cut_out(text, special) == parts
