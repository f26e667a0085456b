"""Which numbers in prose the lint takes for measured ones that nothing stands behind."""

from pathlib import Path

import pytest

from sitebuild.source.pages import Page
from sitebuild.source.prose import find_literals


def literals(tmp_path, text: str) -> list[tuple[int, str]]:
    file = tmp_path / "docs/en/page.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    problems = find_literals(Page(tmp_path, "en", Path("page.md")))
    return [(problem.line, problem.message.split('"')[1]) for problem in problems]


@pytest.mark.parametrize(
    "number",
    [
        "12 ms", "12ms", "0.5 s", "3 µs", "250x", "3.2×", "1.5 GB/s", "16 GiB", "80 %", "80%",
        "12 tokens/s", "30 tokens per second", "1,024 bytes", "90 GFLOPS",
        "12.5倍", "3 毫秒", "20 词元/秒", "40 minutes",
    ],
)  # fmt: skip
def test_a_number_with_a_unit_is_found(tmp_path, number):
    assert literals(tmp_path, f"# A\n\nIt takes {number}.\n") == [(3, number)]


@pytest.mark.parametrize(
    "text",
    [
        "It has 32 layers and 128 tokens.",
        "INT8, FP16 and 4-bit codes, 4x4 blocks.",
        "`12 ms` is code, and $12 s$ a formula.",
        "It takes `#!val step_ms` ms.",
        "The paper says 96.3 % ([source](https://arxiv.org/abs/2309.06180)).",
        "The paper\nsays 96.3 %\n([source](https://arxiv.org/abs/2309.06180)).",
        "The paper says 96.3 %.[^paper]",
        "```text\n12 ms\n```",
        "See [it](page-12ms.md).",
    ],
)
def test_what_is_no_measurement_or_has_a_source_passes(tmp_path, text):
    assert literals(tmp_path, f"# A\n\n{text}\n") == []


def test_a_ratio_in_words_is_found(tmp_path):
    assert literals(tmp_path, "It is 5 times faster.\n") == [(1, "5 times")]
    assert literals(tmp_path, "It was tried 5 times.\n") == []


def test_a_source_in_the_next_paragraph_does_not_count(tmp_path):
    text = "# A\n\nIt takes 12 ms.\n\nSee [there](https://example.org).\n"
    assert literals(tmp_path, text) == [(3, "12 ms")]


def test_front_matter_is_no_prose(tmp_path):
    assert literals(tmp_path, "---\ntitle: 12 ms\n---\n\n# A\n") == []
