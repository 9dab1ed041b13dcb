import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope import errors
from kinetoscope.errors import ClipError, KinetoscopeError, unknown_name

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, KinetoscopeError)
    and kind is not KinetoscopeError
]


def test_a_message_has_what_was_got_what_was_expected_and_what_to_do():
    error = ClipError(
        "clip from a.mp4 is empty", got=0, expected="1 frame or more", hint="cut later"
    )
    assert str(error).splitlines() == [
        "clip from a.mp4 is empty",
        "  got:      0",
        "  expected: 1 frame or more",
        "  hint:     cut later",
    ]


def test_got_and_expected_must_be_given():
    with pytest.raises(TypeError, match="got"):
        ClipError("clip from a.mp4 is empty")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_kind_is_also_a_built_in_and_crosses_processes(kind):
    assert issubclass(kind, ValueError | LookupError | ImportError)
    assert kind.__name__.endswith("Error")
    error = kind("a", got=1, expected=2, hint="b")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.got, back.hint) == (kind, str(error), "1", "b")


words = st.text(min_size=1, max_size=6)


@given(st.lists(words, min_size=1, max_size=15, unique=True), words)
def test_a_name_that_is_not_known_is_told_with_at_most_twelve_that_are(known, name):
    error = unknown_name("layer", name, known)
    assert error.got == name
    assert (f"and {len(known) - 12} more" in error.expected) == (len(known) > 12)
    assert isinstance(error, LookupError)


def test_says_so_where_there_is_nothing_to_choose_from():
    assert unknown_name("layer", "conv1", []).expected == "no layer is there at all"


def test_says_nothing_is_near_where_nothing_is():
    assert unknown_name("layer", "zzz", ["conv1"]).hint is None
