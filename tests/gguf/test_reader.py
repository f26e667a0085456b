"""Good files read as the `gguf` package reads them; any other file is one `GGUFError`."""

import os
import tracemalloc
from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gguf
from gguf_files import build, info, pair, text, uint32, uint64, write_with_the_gguf_package
from membound.gguf.reader import read_gguf
from membound.gguf.spec import TENSOR_TYPES, GGUFError, ValueType

DATA = bytes(range(128))  # 32 float32


@pytest.fixture
def read_bytes(tmp_path):
    """Read a file of the given bytes."""

    def read(data):
        path = tmp_path / "file.gguf"
        path.write_bytes(data)
        return read_gguf(path)

    return read


@pytest.fixture(scope="module")
def peer_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("peer") / "peer.gguf"
    write_with_the_gguf_package(path)
    return path


def assert_reads_as_the_gguf_package(path):
    peer = gguf.GGUFReader(path)
    fields = {key: field for key, field in peer.fields.items() if not key.startswith("GGUF.")}
    with read_gguf(path) as ours:
        assert list(ours.metadata) == list(fields)
        for key, field in fields.items():
            value = ours.metadata[key]
            assert ours.value_types[key] == field.types[0], key
            if isinstance(value, np.ndarray):
                assert value.dtype == peer.gguf_scalar_to_np[field.types[1]], key
                value = value.tolist()
            assert value == field.contents(), key
        assert list(ours.tensors) == [tensor.name for tensor in peer.tensors]
        for tensor in peer.tensors:
            found = ours.tensors[tensor.name]
            assert found.shape == tuple(reversed(tensor.shape.tolist()))
            assert found.type_name == tensor.tensor_type.name
            assert (found.offset, found.nbytes) == (tensor.data_offset, tensor.n_bytes)
            assert np.array_equal(ours.raw(tensor.name), tensor.data.view(np.uint8).ravel())


def test_a_file_of_the_gguf_package_reads_as_it_reads_it(peer_file):
    assert_reads_as_the_gguf_package(peer_file)


@pytest.mark.model
def test_the_real_model_reads_as_the_gguf_package_reads_it(model_path):
    assert_reads_as_the_gguf_package(model_path)


@pytest.mark.model
def test_the_real_models_front_reads_in_a_quarter_of_a_second(model_path):
    def seconds():
        start = process_time()
        read_gguf(model_path).close()
        return process_time() - start

    assert min(seconds() for _ in range(5)) < 0.25


def test_metadata_are_plain_python_values_and_arrays(peer_file):
    with read_gguf(peer_file) as file:
        assert type(file.metadata["a.uint64"]) is int
        assert type(file.metadata["a.bool"]) is bool
        assert type(file.metadata["a.float32"]) is float
        assert file.metadata["a.strings"] == ["one", "", "三"]
        assert file.metadata["a.ints"].tolist() == [1, -2, 3]
        assert file.value_types["a.ints"] is ValueType.ARRAY


def test_version_2_reads_like_version_3(read_bytes):
    file = read_bytes(build([pair("k", 0, b"\x07")], [info()], DATA, version=2))
    assert (file.version, file.metadata, list(file.tensors)) == (2, {"k": 7}, ["t"])


def test_arrays_of_arrays_read_as_lists(read_bytes):
    inner = [uint32(0) + uint64(2) + b"\x01\x02", uint32(8) + uint64(1) + text("x")]
    nested = uint32(9) + uint64(2) + b"".join(inner)
    (numbers, strings) = read_bytes(build([pair("k", 9, nested)])).metadata["k"]
    assert (numbers.tolist(), strings) == ([1, 2], ["x"])


def test_empty_arrays_read(read_bytes):
    file = read_bytes(
        build([pair("n", 9, uint32(6) + uint64(0)), pair("s", 9, uint32(8) + uint64(0))])
    )
    assert file.metadata["n"].shape == (0,)
    assert file.metadata["s"] == []


def test_a_tensor_is_float32_in_numpys_order(read_bytes):
    file = read_bytes(build([], [info(dims=(8, 4))], np.arange(32, dtype="<f4").tobytes()))
    assert file.tensor("t").dtype == np.float32
    assert file.tensor("t")[1].tolist() == list(range(8, 16))


def test_raw_is_a_view_of_the_file_that_cannot_be_written(peer_file):
    with read_gguf(peer_file) as file:
        raw = file.raw("f32")
    assert not raw.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        raw[0] = 1


def test_a_view_outlives_close_and_a_closed_file_gives_no_more(peer_file):
    file = read_gguf(peer_file)
    before = file.raw("f32")
    copy = before.copy()
    file.close()
    file.close()
    assert np.array_equal(before, copy)
    with pytest.raises(ValueError, match="is closed"):
        file.raw("f32")


def test_the_layout_covers_the_file_without_gaps(peer_file):
    with read_gguf(peer_file) as file:
        sections = file.layout()
    assert [section.name for section in sections] == [
        "header",
        "metadata",
        "tensor infos",
        "padding",
        "tensor data",
    ]
    assert sections[0].start == 0
    assert sections[-1].end == peer_file.stat().st_size
    for before, after in pairwise(sections):
        assert before.end == after.start
    assert peer_file.read_bytes()[sections[3].start : sections[3].end].count(0) == (
        sections[3].end - sections[3].start
    )


def test_a_file_without_tensors_may_stop_after_its_metadata(read_bytes):
    whole = build([pair("k", 0, b"\x07")])
    front = 24 + 8 + 1 + 4 + 1
    file = read_bytes(whole[:front])
    assert file.metadata == {"k": 7}
    assert file.layout()[-1] == ("tensor data", front, front)


def test_the_alignment_in_the_metadata_moves_the_data(read_bytes):
    front = build([pair("general.alignment", 4, uint32(128))], [info()])
    data = front + bytes(-len(front) % 128) + DATA
    assert read_bytes(data).raw("t").tobytes() == DATA


def test_a_type_that_is_not_decoded_still_gives_its_bytes(read_bytes):
    file = read_bytes(build([], [info(dims=(16,), type_id=27)], DATA))
    assert file.raw("t").view("<i8").tolist() == np.frombuffer(DATA, "<i8").tolist()
    with pytest.raises(ValueError, match="no block format 'I64'"):
        file.tensor("t")


def test_a_missing_tensor_is_refused_by_its_name(peer_file):
    with read_gguf(peer_file) as file, pytest.raises(ValueError, match=r"has no tensor 'blk\.0'"):
        file.tensor("blk.0")


def test_sizes_of_all_tensor_types_are_those_of_ggml():
    assert {number: tuple(kind) for number, kind in TENSOR_TYPES.items()} == {
        kind.value: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for kind in gguf.GGMLQuantizationType
    }


def nested(depth):
    """An array that holds an array that holds ..., `depth` of them, the innermost empty."""
    return (uint32(9) + uint64(1)) * (depth - 1) + uint32(0) + uint64(0)


HUGE = 2**63
KEY = 24 + 8 + 1  # the byte after the first key, "k"

BROKEN = {
    "a wrong magic": (build(magic=b"GGML"), 0, "begins with b'GGUF'"),
    "version 1": (build(version=1), 4, "the version is 1; this reader takes 2 and 3"),
    "version 4": (build(version=4), 4, "the version is 4"),
    "a big-endian file": (build(version=0x03000000), 4, "big-endian"),
    "2^63 tensors": (build(num_tensors=HUGE), 8, "9223372036854775808 tensors take"),
    "2^63 pairs": (build(num_pairs=HUGE), 16, "9223372036854775808 metadata pairs take"),
    "one pair too many": (build([pair("k", 0, b"\1")], num_pairs=2)[:38], 16, "2 metadata pairs"),
    "a string longer than the file": (build([pair("k", 8, uint64(HUGE))]), KEY + 12, "'k' takes"),
    "a key longer than the file": (build([uint64(100) + b"k" * 9]), 32, "a metadata key takes 100"),
    "a key of 2^16 bytes": (build([pair("k" * 2**16, 0, b"\1")]), 24, "may have 65535 bytes"),
    "a value type of 13": (build([pair("k", 13, bytes(8))]), KEY, "'k' has value type 13"),
    "a bool of 2": (build([pair("k", 7, b"\2")]), KEY + 4, "a bool in 'k' is 2, not 0 or 1"),
    "a bool of 255 in an array": (
        build([pair("k", 9, uint32(7) + uint64(3) + b"\0\1\xff")]),
        KEY + 4 + 12 + 2,
        "is 255",
    ),
    "an array longer than the file": (
        build([pair("k", 9, uint32(6) + uint64(2**40))]),
        KEY + 8,
        "1099511627776 items in 'k' take at least 4398046511104 bytes",
    ),
    "2^40 empty strings": (build([pair("k", 9, uint32(8) + uint64(2**40))]), KEY + 8, "items"),
    "2^40 empty arrays": (build([pair("k", 9, uint32(9) + uint64(2**40))]), KEY + 8, "items"),
    "arrays nine deep": (build([pair("k", 9, nested(9))]), None, "nests arrays more than 8 deep"),
    "arrays without end": (build([pair("k", 9, nested(10_000))]), None, "nests arrays more than 8"),
    "a key twice": (build([pair("k", 0, b"\1")] * 2), 24 + 8 + 1 + 4 + 1, "'k' comes twice"),
    "a key that is not UTF-8": (build([pair(b"ab\xff", 0, b"\1")]), 34, "not UTF-8"),
    "a string that is not UTF-8": (build([pair("k", 8, text(b"\xc3"))]), KEY + 12, "not UTF-8"),
    "an alignment of 0": (build([pair("general.alignment", 4, uint32(0))]), 53, "power of two"),
    "an alignment of 48": (build([pair("general.alignment", 4, uint32(48))]), 53, "power of two"),
    "an alignment as int32": (build([pair("general.alignment", 5, uint32(32))]), 53, "as int32"),
    "an alignment as text": (build([pair("general.alignment", 8, text("32"))]), 53, "as string"),
    "an alignment past the end": (
        build([pair("general.alignment", 4, uint32(2**31))], [info()], DATA),
        None,
        "the file has",
    ),
    "no dimensions": (build([], [info(dims=())], DATA), 33, "has 0 dimensions, not 1 to 4"),
    "five dimensions": (build([], [info(dims=(1,) * 5)], DATA), 33, "has 5 dimensions"),
    "a dimension of 0": (build([], [info(dims=(32, 0))], DATA), 33, "a dimension of 0"),
    "dimensions that overflow": (
        build([], [info(dims=(2**32, 2**32, 4))], DATA),
        24,
        "takes bytes 96 to 295147905179352825952",
    ),
    "an unknown tensor type": (build([], [info(type_id=4)], DATA), 45, "unknown tensor type 4"),
    "a row that is no whole block": (build([], [info(dims=(33,), type_id=2)], DATA), 45, "Q4_0"),
    "an unaligned offset": (build([], [info(offset=4)], DATA), 24, "not a multiple of 32"),
    "a tensor past the end": (build([], [info(dims=(33,))], DATA), 24, "takes bytes 64 to 196"),
    "an offset near 2^64": (build([], [info(offset=2**64 - 32)], DATA), 24, "the file has 192"),
    "a name twice": (build([], [info()] * 2, DATA), 57, "the tensor 't' comes twice"),
    "a name of 65 bytes": (build([], [info("t" * 65)], DATA), 24, "may have 64 bytes, not 65"),
    "tensors that overlap": (
        build([], [info("a", (16,)), info("b", (16,), offset=32)], DATA),
        57,
        "'b' overlaps 'a'",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_file_is_refused_with_its_byte_and_its_rule(read_bytes, broken):
    data, offset, rule = BROKEN[broken]
    with pytest.raises(GGUFError) as refused:
        read_bytes(data)
    assert rule in refused.value.rule
    assert str(refused.value) == (
        f"{refused.value.path}: byte {refused.value.offset}: {refused.value.rule}"
    )
    assert refused.value.path.endswith("file.gguf")
    if offset is not None:
        assert refused.value.offset == offset


def test_the_longest_key_and_the_longest_name_read(read_bytes):
    data = build([pair("k" * 65_535, 0, b"\1")], [info("t" * 64)], DATA)
    file = read_bytes(data)
    assert list(file.metadata) == ["k" * 65_535]
    assert list(file.tensors) == ["t" * 64]


def test_arrays_eight_deep_read(read_bytes):
    assert "k" in read_bytes(build([pair("k", 9, nested(8))])).metadata


def test_a_long_key_is_told_short(read_bytes):
    with pytest.raises(GGUFError) as refused:
        read_bytes(build([pair("k\n" * 30_000, 7, b"\2")]))
    assert len(str(refused.value)) < 400
    assert "\n" not in str(refused.value)


def test_an_empty_file_is_refused(read_bytes):
    with pytest.raises(GGUFError, match="byte 0: the file is empty"):
        read_bytes(b"")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(GGUFError, match="not a regular file"):
        read_gguf(tmp_path)


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GGUFError, match="not a regular file"):
        read_gguf(tmp_path / "pipe")


def test_a_missing_file_is_refused_by_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.gguf"):
        read_gguf(tmp_path / "nowhere.gguf")


def check_survives(data, path):
    """Reading `data` gives a file or a GGUFError at one of its bytes, and takes little memory."""
    path.write_bytes(data)
    offset = 0
    tracemalloc.start()
    try:
        with read_gguf(path) as file:
            for name in file.tensors:
                assert file.raw(name).nbytes == file.tensors[name].nbytes
    except GGUFError as error:
        offset = error.offset
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert 0 <= offset <= len(data)
    assert peak < len(data) + 100_000


def test_a_file_cut_anywhere_before_its_end_is_refused(peer_file, tmp_path):
    data = peer_file.read_bytes()
    with read_gguf(peer_file) as file:
        last = max(tensor.offset + tensor.nbytes for tensor in file.tensors.values())
        front = file.layout()[-1].start
    for length in [*range(1, front), *range(front, last, 61), last - 1]:
        (tmp_path / "cut.gguf").write_bytes(data[:length])
        with pytest.raises(GGUFError) as refused:
            read_gguf(tmp_path / "cut.gguf")
        assert 0 <= refused.value.offset <= length
    check_survives(data[:last], tmp_path / "cut.gguf")


flips = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4)


@given(flips)
@settings(deadline=None, max_examples=150)
def test_flipped_bytes_never_do_worse_than_a_gguf_error(peer_file, flips):
    data = bytearray(peer_file.read_bytes())
    for place, value in flips:
        data[place % len(data)] = value
    check_survives(data, peer_file.with_name("flipped.gguf"))


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=100)
def test_random_bytes_after_a_good_header_never_do_worse_than_a_gguf_error(peer_file, tail):
    check_survives(build(num_pairs=3) + tail, peer_file.with_name("random.gguf"))
    check_survives(build(num_tensors=3) + tail, peer_file.with_name("random.gguf"))


def test_the_front_parses_in_linear_time_and_memory(tmp_path):
    """A file that is all short strings costs a fixed number of bytes for each of its bytes."""
    strings = [text("ab")] * 20_000
    data = build([pair("k", 9, uint32(8) + uint64(len(strings)) + b"".join(strings))])
    path = tmp_path / "strings.gguf"
    path.write_bytes(data)
    tracemalloc.start()
    read_gguf(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(data)
