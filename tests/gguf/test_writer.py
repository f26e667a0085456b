"""What we write, the `gguf` package reads; what fails leaves nothing behind."""

import os

import numpy as np
import pytest

import gguf
from gguf_files import write_with_the_gguf_package
from membound.gguf.reader import read_gguf
from membound.gguf.spec import ValueType
from membound.gguf.writer import NewTensor, write_gguf
from membound.quant.blocks import FORMATS, quantize

METADATA = {
    "general.architecture": "llama",
    "small": np.int8(-3),
    "count": 7,
    "negative": -7,
    "large": 2**40,
    "float": 0.1,
    "double": np.float64(0.1),
    "flag": False,
    "text": "三 Grüße",
    "words": ["a", "", "三"],
    "empty words": [],
    "numbers": np.array([1, -2, 3], np.int32),
    "no numbers": np.zeros(0, np.float32),
    "flags": np.array([True, False]),
}


def write_and_read(path, metadata, arrays=None, value_types=None):
    """Write arrays as F32 and open the file."""
    arrays = arrays or {}
    tensors = [NewTensor(name, array.shape, "F32") for name, array in arrays.items()]
    write_gguf(
        path,
        metadata,
        tensors,
        lambda name: quantize(arrays[name], "F32"),
        value_types=value_types or {},
    )
    return read_gguf(path)


def test_the_gguf_package_reads_what_we_write(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 512)).astype(np.float32)
    written = {name: quantize(weights, name) for name in FORMATS if FORMATS[name].encode}
    tensors = [NewTensor(f"{name}.weight", (3, 512), name) for name in written]
    write_gguf(
        tmp_path / "f.gguf", METADATA, tensors, lambda name: written[name.removesuffix(".weight")]
    )
    peer = gguf.GGUFReader(tmp_path / "f.gguf")
    for key, value in METADATA.items():
        expected = value.tolist() if isinstance(value, np.ndarray) else value
        if key == "float":
            expected = float(np.float32(0.1))
        assert peer.fields[key].contents() == expected, key
    assert [field.types[0].name for field in list(peer.fields.values())[3:10]] == [
        "STRING",
        "INT8",
        "UINT32",
        "INT32",
        "UINT64",
        "FLOAT32",
        "FLOAT64",
    ]
    assert [tensor.tensor_type.name for tensor in peer.tensors] == list(written)
    for tensor, raw in zip(peer.tensors, written.values(), strict=True):
        assert np.array_equal(tensor.data.view(np.uint8).ravel(), raw)
        assert tensor.shape.tolist() == [512, 3]


def copy(source, target):
    with read_gguf(source) as file:
        tensors = [NewTensor(t.name, t.shape, t.type_name) for t in file.tensors.values()]
        write_gguf(target, file.metadata, tensors, file.raw, value_types=file.value_types)


def test_a_copy_of_a_file_of_the_gguf_package_is_that_file(tmp_path):
    write_with_the_gguf_package(tmp_path / "peer.gguf")
    copy(tmp_path / "peer.gguf", tmp_path / "ours.gguf")
    assert (tmp_path / "ours.gguf").read_bytes() == (tmp_path / "peer.gguf").read_bytes()


@pytest.mark.model
def test_a_copy_of_the_real_model_is_the_real_model(model_path, tmp_path):
    copy(model_path, tmp_path / "ours.gguf")
    assert (tmp_path / "ours.gguf").read_bytes() == model_path.read_bytes()


def test_nested_arrays_come_back(tmp_path):
    nested = [[], np.array([1, 2], np.uint8), ["x"]]
    with write_and_read(tmp_path / "f.gguf", {"nested": nested}) as file:
        empty, numbers, words = file.metadata["nested"]
    assert (empty, numbers.tolist(), words) == ([], [1, 2], ["x"])


def test_the_alignment_is_kept(tmp_path):
    arrays = {"a": np.ones((1, 3), np.float32), "b": np.zeros((1, 3), np.float32)}
    with write_and_read(tmp_path / "f.gguf", {"general.alignment": 256}, arrays) as file:
        assert file.alignment == 256
        assert [tensor.offset % 256 for tensor in file.tensors.values()] == [0, 0]
        assert np.array_equal(file.tensor("a"), arrays["a"])
    assert (tmp_path / "f.gguf").stat().st_size % 256 == 0


@pytest.mark.parametrize("value_type", [t for t in ValueType if t not in (8, 9)])
def test_a_given_value_type_is_written(tmp_path, value_type):
    value = True if value_type is ValueType.BOOL else 1
    with write_and_read(tmp_path / "f.gguf", {"k": value}, value_types={"k": value_type}) as file:
        assert file.value_types["k"] is value_type
        assert file.metadata["k"] == 1


def test_the_parts_name_is_gone_afterwards_and_the_mode_is_a_files(tmp_path):
    write_and_read(tmp_path / "f.gguf", METADATA).close()
    (tmp_path / "plain").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.gguf", "plain"]
    assert (tmp_path / "f.gguf").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    write_and_read(tmp_path / "f.gguf", {"old": 1}).close()
    before = (tmp_path / "f.gguf").read_bytes()

    def load(name):
        if name == "second":
            raise failure
        return np.zeros(16, np.uint8)

    tensors = [NewTensor("first", (1, 4), "F32"), NewTensor("second", (1, 4), "F32")]
    with pytest.raises(type(failure)):
        write_gguf(tmp_path / "f.gguf", {"new": 1}, tensors, load)
    assert [path.name for path in tmp_path.iterdir()] == ["f.gguf"]
    assert (tmp_path / "f.gguf").read_bytes() == before


def test_tensors_are_loaded_one_by_one_in_order(tmp_path):
    loaded = []

    def load(name):
        loaded.append(name)
        return np.zeros(16, np.uint8)

    names = ["c", "a", "b"]
    write_gguf(tmp_path / "f.gguf", {}, [NewTensor(name, (4,), "F32") for name in names], load)
    assert loaded == names


BAD_METADATA = {
    "a number that no type holds": ({"k": 2**64}, {}, "'k': no GGUF value type holds 1844"),
    "an int out of range": ({"k": 300}, {"k": ValueType.UINT8}, "'k': 300 does not fit uint8"),
    "a float too large": ({"k": 1e300}, {}, "'k': 1e\\+300 does not fit float32"),
    "a bool as a number": ({"k": True}, {"k": ValueType.UINT8}, "'k': True does not fit uint8"),
    "a number as a bool": ({"k": 1}, {"k": ValueType.BOOL}, "'k': 1 does not fit bool"),
    "text as a number": ({"k": "1"}, {"k": ValueType.FLOAT32}, "'k': '1' does not fit float32"),
    "a number as text": ({"k": 1}, {"k": ValueType.STRING}, "'k': 1 does not fit string"),
    "a number as an array": ({"k": 1}, {"k": ValueType.ARRAY}, "'k': 1 does not fit array"),
    "a list of numbers": ({"k": [1, 2]}, {}, "'k': a list holds strings or arrays"),
    "a mixed list": ({"k": ["a", 1]}, {}, "'k': a list holds strings or arrays"),
    "half precision": ({"k": np.zeros(2, np.float16)}, {}, "'k': no GGUF array holds float16"),
    "a matrix": ({"k": np.zeros((2, 2))}, {}, "'k': no GGUF array holds float64 of shape"),
    "nothing": ({"k": None}, {}, "'k': no GGUF value type holds None"),
    "a long key": ({"k" * 2**16: 1}, {}, "a metadata key may have 65535 bytes, not 65536"),
    "an odd alignment": ({"general.alignment": 48}, {}, "must be a power of two, not 48"),
    "no alignment": ({"general.alignment": 0}, {}, "must be a power of two, not 0"),
}


@pytest.mark.parametrize("bad", BAD_METADATA)
def test_metadata_that_cannot_be_stored_are_refused_by_their_key(tmp_path, bad):
    metadata, value_types, message = BAD_METADATA[bad]
    with pytest.raises(ValueError, match=message):
        write_gguf(tmp_path / "f.gguf", metadata, [], {}.__getitem__, value_types=value_types)
    assert not list(tmp_path.iterdir())


BAD_TENSORS = {
    "a long name": ([NewTensor("t" * 64, (4,), "F32")], "is longer than 63 bytes"),
    "a name twice": ([NewTensor("t", (4,), "F32")] * 2, "two tensors have the same name"),
    "an unknown type": ([NewTensor("t", (4,), "Q9")], "'t' has the unknown tensor type 'Q9'"),
    "no dimensions": ([NewTensor("t", (), "F32")], "needs 1 to 4 dimensions"),
    "five dimensions": ([NewTensor("t", (1,) * 5, "F32")], "needs 1 to 4 dimensions"),
    "a dimension of 0": ([NewTensor("t", (0, 32), "F32")], "needs 1 to 4 dimensions"),
    "half a block": ([NewTensor("t", (2, 48), "Q8_0")], "rows of 48, not a multiple of the 32"),
    "the wrong bytes": ([NewTensor("t", (5,), "F32")], "'t' takes 20 bytes as uint8, not 16"),
}


@pytest.mark.parametrize("bad", BAD_TENSORS)
def test_tensors_that_cannot_be_stored_are_refused_by_their_name(tmp_path, bad):
    tensors, message = BAD_TENSORS[bad]
    with pytest.raises(ValueError, match=message):
        write_gguf(tmp_path / "f.gguf", {}, tensors, lambda _: np.zeros(16, np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_link_stays_a_link_to_the_new_file(tmp_path):
    (tmp_path / "link.gguf").symlink_to(tmp_path / "file.gguf")
    write_gguf(tmp_path / "link.gguf", {"a": 1}, [], None)
    assert (tmp_path / "link.gguf").is_symlink()
    assert read_gguf(tmp_path / "file.gguf").metadata == {"a": 1}


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="is not a regular file: write to another path"):
            write_gguf(path, {"a": 1}, [], None)
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_without_tensors_there_is_no_padding_up_to_them(tmp_path):
    write_gguf(tmp_path / "a.gguf", {"general.alignment": 2**31}, [], None)
    assert (tmp_path / "a.gguf").stat().st_size < 100
