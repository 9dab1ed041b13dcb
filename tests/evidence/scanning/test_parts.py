from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.errors import CatalogError
from kinetoscope.evidence.scanning.parts import part_of


def test_all_videos_where_no_part_is_asked_for():
    assert part_of(7, None, 2) == range(7)


def test_parts_are_whole_groups():
    assert [part_of(20, (which, 3), 4) for which in range(3)] == [
        range(4),
        range(4, 12),
        range(12, 20),
    ]


@given(st.integers(1, 200), st.integers(1, 9), st.integers(1, 9))
def test_parts_make_up_the_whole_and_are_cut_between_groups(count, batch, of):
    if of > -(-count // batch):
        return
    parts = [part_of(count, (which, of), batch) for which in range(of)]
    assert list(chain(*parts)) == list(range(count))
    assert all(len(part) > 0 and part.start % batch == 0 for part in parts)


@pytest.mark.parametrize("part", [(3, 3), (-1, 3), (0, 0), (0, 6)])
def test_refuses_a_part_that_is_not_there(part):
    with pytest.raises(CatalogError, match="have no part"):
        part_of(20, part, 4)
