"""How is a catalog cut for several machines?

Into stretches of whole groups, so that each group is worked on as it would be in one scan of all,
and its answers are the same to the last digit.
"""

from kinetoscope.errors import CatalogError

PART = "videos"
"""Among the settings of a scan of a part: first video, one past the last, and how many in all."""


def part_of(count: int, part: tuple[int, int] | None, batch: int) -> range:
    """Which videos belong to a part.

    Args:
        count: of all videos.
        part: which, from 0, and of how many; None for all.
        batch: videos that are worked on together.

    Raises:
        CatalogError: there is no such part.
    """
    if part is None:
        return range(count)
    (which, of), groups = part, -(-count // batch)
    if not 0 <= which < of or of > groups:
        raise CatalogError(
            f"{count} videos in groups of {batch} have no part {which}/{of}",
            got=f"{which}/{of}",
            expected=f"a part from 0 to {of - 1}"
            if 1 <= of <= groups
            else f"{groups} parts or fewer",
            hint="a smaller batch makes more groups" if of > groups else None,
        )
    start, stop = (groups * each // of * batch for each in (which, which + 1))
    return range(start, min(stop, count))
