import pytest

from membound.cost.tables import Device, devices, find_device, find_model, models


def test_every_entry_has_a_source_and_says_whether_it_was_verified():
    for entry in (*models().values(), *devices().values()):
        assert entry.source
        assert isinstance(entry.verified, bool)


def test_peaks_are_dense():
    # Vendors print the sparse numbers beside these, twice as big.
    assert find_device("h100-sxm").flops_16 == 989e12
    assert find_device("h100-sxm").flops_fp8 == 1978e12
    assert find_device("mi300x").flops_16 == 1307.4e12
    for device in devices().values():
        if device.flops_fp8:
            assert device.flops_fp8 == pytest.approx(2 * device.flops_16, rel=0.02)


def test_a_device_offers_less_than_the_gib_of_its_name():
    advertised = {"h100-sxm": 80, "h200-sxm": 141, "l4": 24, "rtx-4090": 24, "t4": 16}
    for name, gib in advertised.items():
        assert find_device(name).memory_bytes < gib * 2**30


def test_a_name_is_found_in_any_case():
    assert find_model("Llama-3.1-8B") == models()["llama-3.1-8b"]


@pytest.mark.parametrize(
    ("find", "name", "nearest"),
    [
        (find_model, "llama3-8b", "llama-3.1-8b"),
        (find_device, "h100", "h100-sxm"),
        (find_model, "?", "deepseek-v3"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_ones(find, name, nearest):
    with pytest.raises(ValueError, match=f"is called .*{nearest}"):
        find(name)


def test_a_device_without_memory_is_refused():
    numbers = dict.fromkeys(("flops_16", "flops_fp8", "flops_int8", "link_bytes_per_s"), 0)
    with pytest.raises(ValueError, match="memory_bytes must be positive, got 0"):
        Device("d", memory_bytes=0, bytes_per_s=1, source="", verified=False, **numbers)
    with pytest.raises(ValueError, match="flops_16 must be positive, got -1"):
        Device(
            "d", memory_bytes=1, bytes_per_s=1, source="", verified=False,
            **numbers | {"flops_16": -1},
        )  # fmt: skip
