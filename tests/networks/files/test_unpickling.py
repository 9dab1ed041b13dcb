import argparse
import collections
import functools
import io
import pickle
import subprocess
import sys
import tracemalloc
import types
import warnings
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from kinetoscope.networks.files.pickled import DamagedError, Inert, PickledArray, UnsafeError
from kinetoscope.networks.files.unpickling import read_pickle


def read(content):
    return read_pickle(memoryview(content))[0]


def frozen(value):
    """Bytes stay views of the pickle; as values they are bytes."""
    match value:
        case memoryview():
            return bytes(value)
        case dict():
            return {key: frozen(each) for key, each in value.items()}
        case list() | tuple():
            return type(value)(frozen(each) for each in value)
    return value


PLAIN = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**70), 2**70) | some.floats(allow_nan=False)
    | some.text() | some.binary(),
    lambda inner: some.lists(inner, max_size=4)
    | some.tuples(inner, inner)
    | some.dictionaries(some.text() | some.integers(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back_from_every_protocol(protocol):
    @given(PLAIN)
    def check(value):
        found = frozen(read(pickle.dumps(value, protocol)))
        assert found == value
        assert repr(found) == repr(value)  # True is not 1

    check()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["f2", "f4", ">f8", "i1", "i8", "u2", "b1"])
def test_arrays_come_back_in_either_order_of_axes_and_bytes(protocol, kind):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)
    for each in (array, np.asfortranarray(array), array[:, :, 1], np.zeros((0, 3), kind)):
        found = read(pickle.dumps({"w": each}, protocol))["w"]
        assert isinstance(found, PickledArray)
        np.testing.assert_array_equal(found.array(), each)
        assert found.array().dtype == each.dtype


def test_what_python_2_wrote_is_read_as_latin1():
    raw = np.array([1.5, -2.0], "<f4").tobytes()
    content = (
        b"\x80\x02}(U\x05blobscnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
        b"K\x00\x85U\x01btR(K\x01K\x02\x85cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + raw + b"tbU\x01\xe9K\x01u."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy.core has another name since numpy 2
        twin = pickle.loads(content, encoding="latin1")
    found = read(content)
    np.testing.assert_array_equal(found["blobs"].array(), twin["blobs"])
    assert found["é"] == twin["é"] == 1


def test_a_large_array_is_a_view_and_takes_no_memory():
    content = memoryview(pickle.dumps({"w": np.zeros(4_000_000, "f4")}, 5))
    tracemalloc.start()
    found, _ = read_pickle(content)
    array = found["w"].array()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert array.shape == (4_000_000,)
    assert peak < 100_000


class HistoryBuffer:
    """As mmengine's: arrays, and methods kept by name."""

    def __init__(self):
        self.values, self.methods = np.arange(3.0), {"min": HistoryBuffer.min}

    def min(self):
        return 0


@pytest.mark.parametrize("protocol", range(2, 6))
def test_objects_of_unknown_classes_say_their_class_and_nothing_else(protocol):
    found = read(
        pickle.dumps({"args": argparse.Namespace(a=1), "log": [HistoryBuffer()], "w": 1}, protocol)
    )
    assert isinstance(found["args"], Inert)
    assert found["args"].path == "argparse.Namespace"
    assert found["log"][0].path.endswith("HistoryBuffer")
    assert found["w"] == 1
    assert vars(found["log"][0]).keys() == {"path"}


def test_what_trainers_keep_beside_weights_does_no_harm():
    kept = {
        "time": datetime(2026, 1, 1),
        "folder": Path("a/b"),
        "last": collections.deque([1, 2], maxlen=3),
        "space": types.SimpleNamespace(a=1),
        "schedule": functools.partial(print, 1),
    }
    found = read(pickle.dumps({**kept, "w": 1}))
    assert all(isinstance(found[name], Inert) for name in kept)
    assert found["w"] == 1


def test_dictionaries_of_the_library_are_plain():
    twin = collections.OrderedDict(a=1, b=collections.OrderedDict(c=2))
    found = read(pickle.dumps(twin))
    assert found == {"a": 1, "b": {"c": 2}}
    assert type(found) is dict


class Asks:
    """A pickle that would call something when it is opened."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


CALLS = {
    "exec": pickle.dumps(Asks(exec, "raise SystemExit('run')")),
    "system": b"cos\nsystem\n(S'touch /tmp/kinetoscope-run'\ntR.",
    "getattr of a module": (
        b"c__builtin__\ngetattr\n(c__builtin__\n__import__\nS'x'\ntRp0\n(S'os'\ntR."
    ),
    "inst": b"(S'touch /tmp/kinetoscope-run'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch /tmp/kinetoscope-run'\no.",
    "popen as a class": b"(csubprocess\nPopen\nS'touch /tmp/kinetoscope-run'\no.",
    "numpy load": b"\x80\x02cnumpy\nload\n\x8c\x01a\x85R.",
    "an encoding": b"\x80\x02c_codecs\nencode\n\x8c\x01a\x8c\x03zip\x86R.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent id": b"\x80\x02\x8c\x01aQ.",
    "a call of what was called": b"\x80\x02ccollections\nOrderedDict\n)R)R.",
    "torch load": pickle.dumps(Asks(np.fromfile, "x")),
}


@pytest.mark.parametrize("content", CALLS.values(), ids=CALLS)
def test_refuses_every_call_that_is_not_in_its_table(content):
    with pytest.raises((UnsafeError, DamagedError)):
        read(content)


def test_a_refused_pickle_has_run_nothing(tmp_path):
    written = tmp_path / "written"
    code = f"__import__('pathlib').Path({str(written)!r}).touch()"
    content = pickle.dumps({"w": 1, "x": Asks(exec, code)})
    with pytest.raises(UnsafeError, match=r"asks for builtins\.exec"):
        read(content)
    assert not written.exists()
    pickle.loads(content)  # it would have
    assert written.exists()


def test_a_class_is_not_imported():
    name = b"kinetoscope_no_such_module"
    found = read(b"\x80\x02c" + name + b"\nThing\n)\x81.")
    assert isinstance(found, Inert)
    assert name.decode() not in sys.modules


BOMBS = {
    "a memo far away": (b"]r\xff\xff\xff\xff.", None),
    "a string of gigabytes": (b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"a.", "beyond"),
    "bytes of gigabytes": (b"\x80\x04B\xff\xff\xff\xffa.", "beyond"),
    "a frame of gigabytes": (b"\x80\x04\x95" + (2**60).to_bytes(8, "little") + b"a.", None),
    "a number of megabytes": (b"\x80\x02\x8b\x00\x00\x10\x00" + b"1" * 2**20 + b".", "bytes"),
    "a number in a long line": (b"I" + b"9" * 100_000 + b"\n.", "digits"),
    "a line without an end": (b"S'" + b"a" * 100_000, "no end"),
    "a key that takes forever to hash": (
        b"\x80\x02}N\x85" + b"2\x86" * 64 + b"Ns.",
        "as a name",
    ),
    "a key too deep to hash": (b"\x80\x02}N" + b"\x85" * 3_000 + b"Ns.", "as a name"),
    "copies of copies": (
        b"\x80\x02ccollections\nOrderedDict\nq\x00}q\x01("
        + b"".join(b"M" + n.to_bytes(2, "little") + b"N" for n in range(200))
        + b"u"
        + b"h\x00h\x01\x85R" * 50
        + b".",
        "copies more",
    ),
    "an early end": (b"\x80\x02}(", "beyond its end"),
    "nothing": (b"", "beyond its end"),
    "no pickle": (b"\xff\xfe\xfd", "byte 255"),
    "nothing on the stack": (b"\x80\x02.", "no sense"),
    "a list as a key": (b"\x80\x02}]Ns.", "as a name"),
    "text that is none": (b"\x80\x02\x8c\x02\xff\xff.", "no sense"),
}


@pytest.mark.parametrize(("content", "message"), BOMBS.values(), ids=BOMBS)
def test_memory_is_bounded_whatever_a_pickle_says(content, message):
    tracemalloc.start()
    try:
        read(content)
        assert message is None
    except DamagedError as error:
        assert message is None or message in str(error)  # noqa: PT017
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(content) + 2_000_000


def _array(shape, content, code="f4"):
    out = io.BytesIO()
    out.write(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(")
    out.write(b"K\x01" + b"(" + b"".join(_long(n) for n in shape) + b"t")
    out.write(
        b"cnumpy\ndtype\n(X" + len(code).to_bytes(4, "little") + code.encode() + b"K\x00K\x01tR"
    )
    out.write(b"\x89B" + len(content).to_bytes(4, "little") + content + b"tb.")
    return out.getvalue()


def _long(number):
    raw = number.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + raw


@pytest.mark.parametrize(
    ("shape", "code", "message"),
    [
        ((2**40, 2**20), "f4", "4,611,686,018,427,387,904 bytes"),
        ((-1,), "f4", "of the shape"),
        ((3,), "f4", "takes 12 bytes, in 8 bytes"),
        ((2,), "V4", "of the type 'V4'"),
        ((2,), "f4,O", "of the type"),
    ],
)
def test_refuses_arrays_whose_shape_or_type_does_not_fit(shape, code, message):
    found = read(_array(shape, bytes(8), code))
    with pytest.raises((DamagedError, UnsafeError), match=message):
        found.array()


def test_refuses_arrays_of_python_objects():
    with pytest.raises(UnsafeError, match="Python objects"):
        read(pickle.dumps(np.array([{}, None], dtype=object)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"a.", "beyond its end"),
        (b"\x80\x02" + b"N0" * 500_001 + b".", "more than 1,000,000 steps"),
        (b"\x80\x02" + b"]" * 3_000_000 + b".", "more than 1,000,000 steps"),
        (b"\x80\x02}N" + b"\x85" * 900_000 + b"Ns.", "as a name"),
    ],
    ids=["bytes of terabytes", "steps in a circle", "lists without end", "a key too deep to hash"],
)
def test_a_process_of_little_memory_survives(tmp_path, content, message):
    path = tmp_path / "bomb.pkl"
    path.write_bytes(content)
    code = (
        "import resource\n"
        "from kinetoscope.networks.files.unpickling import read_pickle\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30,) * 2)\n"
        f"data = memoryview(open({str(path)!r}, 'rb').read())\n"
        "try: read_pickle(data)\n"
        "except ValueError as error: print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said, grown = done.stdout.splitlines()
    assert message in said, done.stderr
    assert int(grown) < 200  # [MiB]


def test_bytes_are_not_made_of_a_number():
    assert read(b"\x80\x02c__builtin__\nbytes\n)R.") == b""
    with pytest.raises(UnsafeError, match="bytes made of a int"):
        read(b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.")
