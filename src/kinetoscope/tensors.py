"""Which words name the axes, and which shapes are made of them?

The axis words are `clip channel time height width label unit`. Signatures use the aliases below;
changes of shape inside functions use einops with the same words.
"""

from jaxtyping import Float, UInt8
from torch import Tensor

Frames = Float[Tensor, "3 time height width"]
"""RGB in [0, 1]."""

Flow = Float[Tensor, "2 time height width"]
"""Motion to the next frame, (right, down) [pixels per frame]."""

Picture = UInt8[Tensor, "time height width 3"]
"""Frames as a decoder gives them: RGB in 0 to 255."""

FrameBatch = Float[Tensor, "clip 3 time height width"]
FlowBatch = Float[Tensor, "clip 2 time height width"]
Volume = Float[Tensor, "clip channel time height width"]
"""What a layer answers, one map a channel."""

Maps = Float[Tensor, "clip _channel _time _height _width"]
"""The same where a layer answers another size than it takes: only the clips are as many."""

Activation = Float[Tensor, "clip channel *place"]
"""What a layer answers, with or without places."""

Features = Float[Tensor, "clip channel"]
Scores = Float[Tensor, "clip label"]
Heat = Float[Tensor, "time height width"]

Size = tuple[int, int, int]
"""An extent in a clip [frames, pixels, pixels]."""
