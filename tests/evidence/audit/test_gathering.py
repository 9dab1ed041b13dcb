from dataclasses import replace

import numpy as np
import pytest

from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.audit.gathering import _table, every_label, gather
from tests.evidence.audit.conftest import SPEC


def test_a_table_has_a_column_for_every_name_that_any_row_has():
    found = _table([{"height": 32.0, "codec h264": 1.0}, {"height": 64.0, "codec vp9": 1.0}])
    assert found.names == ("height", "codec h264", "codec vp9")
    np.testing.assert_array_equal(found.values, [[32, 1, 0], [64, 0, 1]])


@pytest.mark.slow
def test_rows_are_in_the_catalogs_order_whatever_failed(peculiar):
    told = []
    some = replace(peculiar, entries=peculiar.entries[:6])
    found = gather(some, SPEC, progress=lambda done, total: told.append((done, total)))
    assert found.videos == (0, 1, 2, 4, 5)
    assert [each["path"] for each in found.failures] == ["broken.mp4"]
    assert told == [(done, 6) for done in range(1, 7)]
    assert all(len(trait.values) == 5 for trait in found.traits.values())
    alone = gather(replace(some, entries=some.entries[4:5]), SPEC)
    for cue, trait in alone.traits.items():
        if cue != "form":
            np.testing.assert_array_equal(trait.values[0], found.traits[cue].values[3])
    np.testing.assert_array_equal(alone.hashes["plain"][0], found.hashes["plain"][3])


@pytest.mark.slow
def test_a_label_that_the_catalog_does_not_know_comes_last(peculiar):
    strays = tuple(replace(entry, label="stray") for entry in peculiar.entries[:2])
    catalog = Catalog(name="strays", root=peculiar.root, labels=("known",), entries=strays)
    assert every_label(catalog) == ("known", "stray")
    found = gather(catalog, SPEC)
    assert found.counts == {"stray": 2}
    assert found.pictures["border"].shape[0] == 2
    assert found.pictures["border"][0].sum() == 0
