"""The alphabet against what GPT-2's vocabulary is known to hold."""

import pytest

from membound.tokenizer.alphabet import from_alphabet, to_alphabet


def test_every_byte_has_a_character_of_its_own_that_prints():
    characters = to_alphabet(bytes(range(256)))
    assert len(set(characters)) == 256
    assert all(char.isprintable() and not char.isspace() for char in characters)


def test_every_byte_comes_back():
    assert from_alphabet(to_alphabet(bytes(range(256)))) == bytes(range(256))


def test_a_space_and_a_line_feed_read_as_in_gpt2s_vocabulary():
    assert to_alphabet(b" the\n") == "ĠtheĊ"


@pytest.mark.parametrize("text", ["a b", "数", "\x85"])
def test_a_character_outside_the_alphabet_is_refused(text):
    with pytest.raises(ValueError, match="stands for no byte"):
        from_alphabet(text)
