"""Which networks are there, and what is known of each before it is built?

One literal table, read without loading torch. A network is one file beside this one and one row
here; `zoo.py` builds it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """An accuracy, with the protocol without which it can't be compared.

    Args:
        top1: share of videos whose best label is right [percent].
        on: the data set, and which part of it.
        protocol: what was shown of each video.
    """

    top1: float
    on: str
    protocol: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is known of a network before it is built.

    Args:
        module: the file beside this one that builds it.
        streams: what it is shown.
        frames: how many frames its clips have.
        size: height and width of its clips [pixels].
        labels: how many it scores where nothing else is asked for.
        weights: how many it has, with that many labels.
        gmacs: multiply-adds of its convolutions, linear layers and attention for one view
            [billions].
        about: the network in a few words.
        source: where it was published.
        published: the accuracy it was published with.
    """

    module: str
    streams: tuple[str, ...] = ("frames",)
    frames: int
    size: int
    labels: int
    weights: int
    gmacs: float
    about: str
    source: str
    published: Published | None = None


_BOTH = ("frames", "flow")

ZOO: dict[str, Listing] = {
    "two_stream_small": Listing(
        module="two_stream_small",
        streams=_BOTH,
        frames=16,
        size=64,
        labels=16,
        weights=328_384,
        gmacs=0.1967,
        about="two small towers, 3-D conv fusion",
        source="after Feichtenhofer 2016",
    ),
    "two_stream_vgg16": Listing(
        module="two_stream",
        streams=_BOTH,
        frames=50,
        size=224,
        labels=101,
        weights=283_514_762,
        gmacs=170.0,
        about="two VGG-16 towers, 3-D conv fusion at relu5",
        source="Feichtenhofer 2016",
    ),
    "vgg16_frames": Listing(
        module="two_stream",
        frames=1,
        size=224,
        labels=101,
        weights=134_674_341,
        gmacs=15.47,
        about="its tower for frames alone",
        source="Feichtenhofer 2016",
    ),
    "vgg16_flow": Listing(
        module="two_stream",
        streams=("flow",),
        frames=10,
        size=224,
        labels=101,
        weights=134_684_133,
        gmacs=15.96,
        about="its tower for stacked flow alone",
        source="Feichtenhofer 2016",
    ),
    "c3d": Listing(
        module="c3d",
        frames=16,
        size=112,
        labels=487,
        weights=79_991_015,
        gmacs=38.55,
        about="3-D convolutions over sixteen frames",
        source="Tran 2015",
    ),
    "single_frame": Listing(
        module="frames",
        frames=1,
        size=170,
        labels=487,
        weights=60_276_583,
        gmacs=1.129,
        about="one frame at a time, scores averaged",
        source="Karpathy 2014",
    ),
    "early_fusion": Listing(
        module="frames",
        frames=10,
        size=170,
        labels=487,
        weights=60_590_215,
        gmacs=2.044,
        about="all frames in the first convolution",
        source="Karpathy 2014",
    ),
    "late_fusion": Listing(
        module="frames",
        frames=16,
        size=170,
        labels=487,
        weights=98_025_319,
        gmacs=2.24,
        about="two frames 15 apart, compared at the end",
        source="Karpathy 2014",
    ),
    "slow_fusion": Listing(
        module="frames",
        frames=10,
        size=170,
        labels=487,
        weights=61_880_263,
        gmacs=4.147,
        about="time seen more and more, layer by layer",
        source="Karpathy 2014",
    ),
    "early_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=9_358,
        gmacs=0.02721,
        about="early fusion, two convolutions",
        source="CS231n",
    ),
    "late_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=3_202,
        gmacs=0.03981,
        about="late fusion, two convolutions",
        source="CS231n",
    ),
    "slow_fusion_cs231n": Listing(
        module="frames",
        frames=20,
        size=64,
        labels=10,
        weights=9_034,
        gmacs=0.08958,
        about="slow fusion, two convolutions",
        source="CS231n",
    ),
    "r3d_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=33_371_472,
        gmacs=40.7,
        about="3-D ResNet-18, as in torchvision",
        source="Tran 2018",
    ),
    "mc3_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=11_695_440,
        gmacs=43.34,
        about="ResNet-18, 3-D below and 2-D above, as in torchvision",
        source="Tran 2018",
    ),
    "r2plus1d_18": Listing(
        module="adapters",
        frames=16,
        size=112,
        labels=400,
        weights=31_505_325,
        gmacs=40.52,
        about="ResNet-18, space and time apart, as in torchvision",
        source="Tran 2018",
    ),
    "s3d": Listing(
        module="adapters",
        frames=128,
        size=224,
        labels=400,
        weights=8_320_048,
        gmacs=143.8,
        about="separable 3-D Inception, as in torchvision",
        source="Xie 2018",
    ),
    "mvit_v1_b": Listing(
        module="adapters",
        frames=16,
        size=224,
        labels=400,
        weights=36_610_672,
        gmacs=70.6,
        about="multiscale vision transformer, as in torchvision",
        source="Fan 2021",
    ),
    "mvit_v2_s": Listing(
        module="adapters",
        frames=16,
        size=224,
        labels=400,
        weights=34_537_744,
        gmacs=64.22,
        about="improved multiscale transformer, as in torchvision",
        source="Li 2022",
    ),
    "swin3d_t": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=28_158_070,
        gmacs=87.76,
        about="shifted-window transformer, tiny, as in torchvision",
        source="Liu 2022",
    ),
    "swin3d_s": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=49_816_678,
        gmacs=165.7,
        about="shifted-window transformer, small, as in torchvision",
        source="Liu 2022",
    ),
    "swin3d_b": Listing(
        module="adapters",
        frames=32,
        size=224,
        labels=400,
        weights=88_048_984,
        gmacs=281.3,
        about="shifted-window transformer, base, as in torchvision",
        source="Liu 2022",
    ),
    "two_stream_small_toy": Listing(
        module="two_stream_small",
        streams=_BOTH,
        frames=8,
        size=32,
        labels=3,
        weights=3_178,
        gmacs=0.0005202,
        about="tiny, for tests",
        source="after Feichtenhofer 2016",
    ),
    "two_stream_vgg16_toy": Listing(
        module="two_stream",
        streams=_BOTH,
        frames=6,
        size=64,
        labels=3,
        weights=7_050,
        gmacs=0.003158,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "vgg16_frames_toy": Listing(
        module="two_stream",
        frames=1,
        size=64,
        labels=3,
        weights=2_523,
        gmacs=0.0006635,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "vgg16_flow_toy": Listing(
        module="two_stream",
        streams=("flow",),
        frames=3,
        size=64,
        labels=3,
        weights=2_577,
        gmacs=0.0008847,
        about="tiny, for tests",
        source="Feichtenhofer 2016",
    ),
    "c3d_toy": Listing(
        module="c3d",
        frames=16,
        size=112,
        labels=3,
        weights=4_987,
        gmacs=0.04651,
        about="tiny, for tests",
        source="Tran 2015",
    ),
    "single_frame_toy": Listing(
        module="frames",
        frames=1,
        size=62,
        labels=3,
        weights=1_455,
        gmacs=0.0002533,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "early_fusion_toy": Listing(
        module="frames",
        frames=10,
        size=62,
        labels=3,
        weights=7_989,
        gmacs=0.00237,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "late_fusion_toy": Listing(
        module="frames",
        frames=16,
        size=62,
        labels=3,
        weights=1_551,
        gmacs=0.0005065,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
    "slow_fusion_toy": Listing(
        module="frames",
        frames=10,
        size=62,
        labels=3,
        weights=3_891,
        gmacs=0.00382,
        about="tiny, for tests",
        source="Karpathy 2014",
    ),
}
