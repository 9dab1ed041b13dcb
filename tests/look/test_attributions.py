"""Which clips of a look are attributed."""

import polars as pl

from kinetoscope.look.attributions import videos_to_attribute


def clips_of(rows):
    columns = ("video", "label", "predicted", "probability", "error")
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def test_half_are_mistaken_and_the_others_are_of_every_label():
    clips = clips_of(
        [
            (0, "a", "a", 0.9, None),
            (1, "a", "a", 0.8, None),
            (2, "b", "b", 0.3, None),
            (3, "a", "b", 0.6, None),
            (4, "a", "b", 0.7, None),
            (5, "b", "a", 0.5, None),
            (6, "b", None, None, "can't be read"),
        ]
    )
    assert videos_to_attribute(clips, 4) == [0, 2, 3, 4]


def test_where_few_are_mistaken_more_are_recognized_and_where_few_are_recognized_the_other_way():
    right = [(video, "a", "a", 0.9, None) for video in range(3)]
    wrong = [(video, "a", "b", 0.9, None) for video in range(3, 6)]
    assert videos_to_attribute(clips_of([*right, *wrong[:1]]), 4) == [0, 1, 2, 3]
    assert videos_to_attribute(clips_of([*right[:1], *wrong]), 4) == [0, 3, 4, 5]


def test_a_video_is_shown_once_and_no_more_than_there_are():
    clips = clips_of([(0, "a", "a", 0.9, None), (0, "a", "b", 0.8, None)])
    assert videos_to_attribute(clips, 4) == [0]
