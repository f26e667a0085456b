"""Each test is one sentence that `membound.page.drawing` says of itself."""

import pytest

from membound.page.drawing import has_words


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "1,000",
        "−0.5",
        "×",
        "10 ms",
        "4 KiB",
        "3.2 GB/s",
        "16%",
        "≈2.4×",
        "2e-3",
        "10⁻³",
        "n",
        "1k",
        "16Ki",
    ],
)
def test_numbers_units_and_symbols_have_no_words(text):
    assert not has_words(text)


@pytest.mark.parametrize(
    "text", ["ms", "Seconds", "8 heads", "4 bits", "GQA", "with 2 GB", "KV cache", "缓存"]
)
def test_names_and_words_have_words(text):
    assert has_words(text)
