"""What the page hands to the browser: everything that the formulas ask for, and safe to embed."""

import json
import re
from pathlib import Path

from membound.cost.case import Case, own_weights
from membound.cost.options import case
from membound.cost.tables import find_device, find_model
from membound.page import calculator
from membound.page.calculator import (
    ASSUMED,
    FIELDS,
    OF_DEVICE,
    OF_MODEL,
    WORDS,
    calculator_data,
)
from membound.page.recorder import Recorder

SCRIPT = Path(__file__).parents[2] / "docs/theme/assets/calculator.mjs"


def test_a_known_case_and_a_reader_s_own_numbers_set_every_input():
    known = case(find_model("qwen3-8b"), "fp8", "f16", find_device("l4"), "vllm")
    assert known.keys() == Case.__annotations__.keys()
    weights = own_weights(1e9, 0.0, 0.0, 0.0, 1000.0, 64.0, True, 8.0)
    data = calculator_data()
    typed = {*OF_MODEL, *OF_DEVICE, *ASSUMED, *data["start"], *data["fixed"], *weights}
    chosen = {"llamacpp_windows", "key_bits", "value_bits", "engine"}
    assert Case.__annotations__.keys() - typed == chosen


def test_what_is_offered_at_first_lies_within_its_field():
    data = calculator_data()
    offered = [data["start"], *data["engines"].values()]
    offered += [entry["inputs"] for kind in ("models", "devices") for entry in data[kind].values()]
    for inputs in offered:
        for name in inputs.keys() & FIELDS.keys():
            _words, least, most, whole = FIELDS[name]
            assert least <= inputs[name] <= most, name
            assert not whole or float(inputs[name]).is_integer(), name


def test_no_word_can_end_the_element_that_holds_the_data(monkeypatch):
    monkeypatch.setitem(calculator.WORDS, "yes", "</script><b>")
    recorder = Recorder({"en": {}})
    recorder.write_translated(calculator._to_html)
    (part,) = recorder.parts
    data = part["en"].split('id="calculator-data">')[1].split("</script>")[0]
    assert json.loads(data)["words"]["yes"] == "</script><b>"


def test_every_word_of_the_script_is_there():
    script = SCRIPT.read_text(encoding="utf-8")
    asked = set(re.findall(r"words\.(\w+)", script)) | set(
        re.findall(r'words\["([\w-]+)"\]', script)
    )
    assert asked <= WORDS.keys() | {"replace"}
