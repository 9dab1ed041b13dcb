"""What in a clip could tell its class although it should not: a few numbers a cue.

Seen as the network sees it, after resizing and cropping, at most `SIDE` pixels large:

    single frame   the frame in the middle: colours of 8 x 8 cells, edges of 8 orientations in 4 x 4
    background     the median over time where little changes: its colours in 4 x 4 cells, how often
                   each of 64 colours occurs, edges of 8 orientations; what moves is left out, and
                   so that it is told by nothing else, the border and what may be a caption
    border         the outermost sixteenth: the mean colour of 16 pieces of it over time, and how
                   far each side differs from what lies beside it; nothing of how it moves, which
                   is the camera's
    caption        contours that stand still: the share of pixels in 8 x 8 cells that do not change
                   over the clip and have a strong contrast beside them; the border is left out,
                   and what is surrounded by something that moves
    camera         how the whole picture moves (camera.py)

Source: orientations in cells as in Dalal and Triggs, "Histograms of Oriented Gradients for Human
Detection", CVPR 2005, section 6, with fewer and larger cells, each clip normalized as a whole.
"""

import cv2
import numpy as np
from einops import rearrange, reduce
from jaxtyping import Bool, Float, UInt8
from scipy.ndimage import binary_fill_holes

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.audit.camera import CAMERA, camera_motion

SIDE = 96
"""What is longer is made smaller before it is looked at [pixels]."""

CUES = ("single frame", "background", "border", "caption", "camera")
"""Those that are seen in a clip."""

PICTURE = 48
"""Side of the picture of a cue [pixels]."""

Movie = Float[np.ndarray, "time height width 3"]
Still = Float[np.ndarray, "height width 3"]
Grey = Float[np.ndarray, "height width"]
Vector = Float[np.ndarray, " trait"]
Shown = Float[np.ndarray, "row column 3"]

_ORIENTATIONS = 8
_CALM = 2.0  # where a pixel changes more than so many times the median, something moves
_LEAST_CHANGE = 0.03  # what coding alone may change [of 1]
_STATIC = 0.025  # standard deviation over time of what stands still [of 1]
_CONTRAST = 0.4  # of a contour, within 3 x 3 pixels [of 1]
_MARGIN = 16  # the border is this part of a side
_MOST_FRAMES = 16


def traits_of(clip: Clip) -> tuple[dict[str, Vector], dict[str, Shown]]:
    """A few numbers for each cue, and a picture of those that can be seen.

    Args:
        clip: as the network takes it; its flow is used where it has one.
    """
    movie = small_movie(clip)
    grey = movie @ np.array([0.299, 0.587, 0.114], np.float32)
    median = over_time(movie)
    contours = static_contours(grey)
    captioned = cv2.dilate(contours.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    calm = calm_pixels(grey) & ~captioned & ~margin_of(*grey.shape[1:])
    mean = movie.mean(axis=0)
    vectors = {
        "single frame": picture_vector(movie[len(movie) // 2]),
        "background": background_vector(median, calm),
        "border": border_vector(movie),
        "caption": caption_vector(contours),
        "camera": camera_motion(clip, movie),
    }
    shown = {
        "single frame": _shown(movie[len(movie) // 2]),
        "background": _shown(np.where(calm[..., None], median, 0.5)),
        "border": _shown(np.where(margin_of(*grey.shape[1:])[..., None], mean, 0.5)),
        "caption": _shown(np.repeat(contours[..., None].astype(float), 3, axis=2)),
    }
    return vectors, shown


def small_movie(clip: Clip) -> Movie:
    """A clip's frames, `SIDE` pixels large at most, and not more of them than are needed."""
    places = np.unique(np.linspace(0, clip.time - 1, min(clip.time, _MOST_FRAMES)).round())
    frames = clip.frames[:, places.astype(int)].cpu().numpy()
    frames = rearrange(frames, "rgb time height width -> time height width rgb")
    scale = SIDE / max(clip.size)
    if scale < 1:
        height, width = (max(16, round(side * scale)) for side in clip.size)
        resized = [cv2.resize(f, (width, height), interpolation=cv2.INTER_AREA) for f in frames]
        frames = np.stack(resized)
    return np.ascontiguousarray(frames, dtype=np.float32)


def over_time(values: Float[np.ndarray, "time ..."]) -> Float[np.ndarray, "..."]:
    """The median over time; of an even number the mean of the middle two. NumPy's is slower."""
    ordered = np.sort(values, axis=0)
    return (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2


def names_of(cue: str) -> tuple[str, ...] | None:
    """What the numbers of a cue are, where each has a name."""
    return CAMERA if cue == "camera" else None


def picture_vector(picture: Still) -> Vector:
    """Colours in 8 x 8 cells, and edges by orientation in 4 x 4."""
    grey = picture.mean(axis=2)
    edges = edges_of(grey, np.ones_like(grey, dtype=bool))
    cells = np.stack([_cells(each, 4) for each in edges], axis=-1)
    strength = np.sqrt(cells / max(cells.sum(), 1e-9))
    return np.concatenate([_cells(picture, 8).ravel(), strength.ravel()])


def background_vector(median: Still, calm: Bool[np.ndarray, "height width"]) -> Vector:
    """Colours and edges of what little changes, and nothing of where that is."""
    weight = calm[..., None].astype(float)
    share = _cells(weight, 4)
    mean = (median * weight).sum((0, 1)) / max(calm.sum(), 1)
    colours = _cells(median * weight, 4) / np.maximum(share, 1e-9)
    colours = np.where(share > 0.1, colours, mean)
    kept = np.minimum((median[calm] * 4).astype(int), 3) @ np.array([16, 4, 1])
    often = np.sqrt(np.bincount(kept, minlength=64) / max(len(kept), 1))
    edges = edges_of(median.mean(axis=2), calm).sum(axis=(1, 2))
    strength = np.sqrt(edges / max(edges.sum(), 1e-9))
    return np.concatenate([colours.ravel(), often, strength])


def border_vector(movie: Movie) -> Vector:
    """What the margin looks like, piece by piece, and whether it stands out."""
    height, width = movie.shape[1:3]
    row, column = _margin_sizes(height, width)
    mean = movie.mean(axis=0)
    sides = (
        (np.s_[:row], np.s_[row : 2 * row], 1),
        (np.s_[-row:], np.s_[-2 * row : -row], 1),
        (np.s_[:, :column], np.s_[:, column : 2 * column], 0),
        (np.s_[:, -column:], np.s_[:, -2 * column : -column], 0),
    )
    found = []
    for outer, inner, along in sides:
        pieces = [part.mean(axis=(0, 1)) for part in np.array_split(mean[outer], 4, axis=along)]
        step = np.abs(mean[outer].mean(axis=(0, 1)) - mean[inner].mean(axis=(0, 1))).mean()
        found += [*pieces, [step]]
    return np.concatenate([np.ravel(each) for each in found])


def caption_vector(contours: Bool[np.ndarray, "height width"]) -> Vector:
    """Where contours stand still, how many in the three fullest cells, and in all."""
    cells = _cells(contours[..., None].astype(float), 8).ravel()
    fullest = np.sort(cells)[::-1][:3]
    return np.concatenate([np.sqrt(cells), np.sqrt(fullest), [np.sqrt(cells.mean())]])


def calm_pixels(grey: Float[np.ndarray, "time height width"]) -> Bool[np.ndarray, "height width"]:
    """Where little changes over time, for this clip: a whole picture that moves is calm."""
    change = grey.std(axis=0)
    return change <= max(_CALM * float(np.median(change)), _LEAST_CHANGE)


def static_contours(
    grey: Float[np.ndarray, "time height width"],
) -> Bool[np.ndarray, "height width"]:
    """Where a strong contour stands still, inside of the border."""
    median = over_time(grey)
    around = np.ones((3, 3), np.uint8)
    contrast = cv2.dilate(median, around) - cv2.erode(median, around)
    left_out = margin_of(*median.shape) | within_motion(grey)
    return (grey.std(axis=0) <= _STATIC) & (contrast >= _CONTRAST) & ~left_out


def within_motion(
    grey: Float[np.ndarray, "time height width"],
) -> Bool[np.ndarray, "height width"]:
    """What moves, and what lies inside of it, such as the middle of something that grows."""
    moving = (~calm_pixels(grey)).astype(np.uint8)
    closed = cv2.morphologyEx(moving, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(binary_fill_holes(closed), dtype=bool)


def margin_of(height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """The outermost sixteenth."""
    row, column = _margin_sizes(height, width)
    found = np.ones((height, width), dtype=bool)
    found[row:-row, column:-column] = False
    return found


def edges_of(
    grey: Grey, where: Bool[np.ndarray, "height width"]
) -> Float[np.ndarray, "orientation height width"]:
    """How strong edges of each orientation are in each pixel; none where they are not wanted."""
    down, right = np.gradient(grey)
    angle = np.arctan2(down, right) % np.pi
    which = np.minimum((angle / np.pi * _ORIENTATIONS).astype(int), _ORIENTATIONS - 1)
    strength = np.hypot(down, right) * where
    return np.stack([strength * (which == each) for each in range(_ORIENTATIONS)])


def as_bytes(picture: Shown) -> UInt8[np.ndarray, "row column 3"]:
    """A picture as it is shown."""
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def _margin_sizes(height: int, width: int) -> tuple[int, int]:
    return max(2, round(height / _MARGIN)), max(2, round(width / _MARGIN))


def _cells(picture: Float[np.ndarray, "height width ..."], count: int) -> np.ndarray:
    """Means of `count` x `count` cells; the size need not be a multiple."""
    flat = picture if picture.ndim == 3 else picture[..., None]
    height, width = (-(-side // count) * count for side in flat.shape[:2])
    if (height, width) != flat.shape[:2]:
        flat = cv2.resize(flat.astype(np.float32), (width, height)).reshape(height, width, -1)
    words = "(row h) (column w) value -> row column value"
    return reduce(flat, words, "mean", row=count, column=count)


def _shown(picture: Still) -> Shown:
    size = (PICTURE, PICTURE)
    return cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA).astype(float)
