"""What a running block says, and what of it is translated."""

import contextlib

import pytest

from membound.page.checks import (
    band,
    brute_force,
    check,
    closed_form,
    computed,
    counted,
    measured,
    published,
)
from membound.page.recorder import MissingLabelError, Recorder, emit
from membound.page.tables import table, to_markdown
from membound.page.text import given

CATALOGUES = {"en": {}, "zh": {"tokens": "词元", "{n} heads": "{n} 个头"}}


def recorded(act) -> Recorder:
    recorder = Recorder(CATALOGUES)
    with contextlib.redirect_stdout(recorder):
        act()
    return recorder


@pytest.mark.parametrize(
    "text",
    [
        "12",
        "12.5 ms",
        "≥ 3x",
        "1 GiB",
        "30 GB/s",
        "80 %",
        "—",
        "1,024",
        "16Ki",
        "`head_dim`",
        "$n(n+1)$",
    ],
)
def test_what_has_no_words_is_shown_as_it_is(text):
    assert Recorder(CATALOGUES).translate(text, "zh") == text


@pytest.mark.parametrize("text", ["heads", "8 heads", "4 bits", "with `head_dim`"])
def test_words_without_a_translation_are_refused(text):
    with pytest.raises(MissingLabelError, match=r"docs/labels\.toml"):
        Recorder(CATALOGUES).translate(text, "zh")


def test_a_filled_label_is_translated_by_its_template():
    recorder = Recorder(CATALOGUES)
    text = recorder.fill("{n} heads", n=8)
    assert (text, recorder.translate(text, "zh")) == ("8 heads", "8 个头")
    assert recorder.labels == {"zh": {"{n} heads": "{n} 个头"}}


def test_what_fills_a_label_is_translated_if_it_is_a_label_itself():
    words = CATALOGUES["zh"] | {"bytes of {what}, {how}": "{what}的字节，{how}"}
    recorder = Recorder(CATALOGUES | {"zh": words})

    def filled(**values):
        return recorder.translate(recorder.fill("bytes of {what}, {how}", **values), "zh")

    assert filled(what="tokens", how=recorder.fill("{n} heads", n=8)) == "词元的字节，8 个头"
    assert filled(what="Q4_0", how=2.5) == "Q4_0的字节，2.5"
    assert recorder.labels["zh"]["Q4_0"] is None


def test_print_says_the_same_in_both_languages_and_a_table_does_not():
    parts = recorded(lambda: (print("one"), table({"tokens": "d"}, [[1]]))).parts
    assert parts[:2] == ["one", "\n"]
    assert "| tokens |" in parts[2]["en"]
    assert "| 词元 |" in parts[2]["zh"]


def test_numbers_are_set_flush_right_and_formatted():
    lines = to_markdown({"a": "", "b": ".1f"}, [("x", 1.25)], str).strip().splitlines()
    assert lines == ["| a | b |", "| :--- | ---: |", "| x | 1.2 |"]


def passed(ours, oracle, **options) -> bool:
    (result,) = recorded(lambda: check("", ours, oracle, **options)).checks
    return result["passed"]


def test_a_check_passes_within_its_tolerance_and_no_further():
    assert passed(computed(1.0), closed_form(1.1, "x"), within=0.11)
    assert not passed(computed(1.0), closed_form(1.1, "x"), within=0.09)
    assert passed(counted(3), closed_form(3, "x"))
    assert not passed(counted(3), closed_form(4, "x"))


def test_a_band_holds_its_ends():
    assert [passed(measured(r), band(1, 2)) for r in (0.9, 1, 2, 2.1)] == [False, True, True, False]


def test_nan_never_passes():
    nan = float("nan")
    assert not passed(computed(nan), closed_form(1, "x"), within=10)
    assert not passed(measured(nan), band(0, 1))


def sources(oracle) -> dict[str, str]:
    (result,) = recorded(lambda: check("", computed(1), oracle)).checks
    return result["source"]


def test_a_plain_way_is_a_label_and_a_formula_or_a_citation_may_be_one():
    assert sources(brute_force(1, "tokens")) == {"en": "tokens", "zh": "词元"}
    with pytest.raises(MissingLabelError, match="no zh words for 'one by one'"):
        sources(brute_force(1, "one by one"))
    assert sources(closed_form(1, "n(n+1)/2")) == {"en": "n(n+1)/2", "zh": "n(n+1)/2"}
    assert sources(published(1, "tokens")) == {"en": "tokens", "zh": "词元"}


def test_a_formula_against_a_formula_is_refused():
    with pytest.raises(ValueError, match="closed form against closed form checks nothing"):
        check("", closed_form(1, "x"), closed_form(1, "y"))


def test_outside_a_build_a_failed_check_raises_at_once():
    with pytest.raises(AssertionError, match="expected 2"):
        check("one", computed(1), closed_form(2, "x"))


def test_words_given_with_their_translations_need_no_catalogue():
    def act():
        text = given({"en": "a hundred users", "zh": "一百个用户"})
        emit(lambda translate: translate(text))

    assert recorded(act).parts == [{"en": "a hundred users", "zh": "一百个用户"}]


def test_words_given_without_one_of_the_languages_or_with_two_of_it_are_refused():
    recorder = Recorder(CATALOGUES)
    with pytest.raises(MissingLabelError, match="no zh words beside 'a hundred users'"):
        recorder.given({"en": "a hundred users"})
    recorder.given({"en": "users", "zh": "用户"})
    with pytest.raises(ValueError, match="'users' is given two translations"):
        recorder.given({"en": "users", "zh": "使用者"})
