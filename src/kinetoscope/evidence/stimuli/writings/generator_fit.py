"""How does a generator learn to draw clips like those of a catalog?

An encoder turns a clip into a short code, the generator draws the clip from it again, and both
learn until what is drawn is near to what was there: in pixels, and where wanted in what a layer of
the network answers. The encoder is then forgotten. Videos that are held out tell how well the
generator draws what it has not seen, against always drawing the mean clip.

    evidence.json        config, settings, history, errors, failures
    weights.safetensors  of the generator, with the mean and deviation of its codes

Source: Dosovitskiy and Brox, "Generating images with perceptual similarity metrics based on deep
networks", NeurIPS 2016, section 3, from which Nguyen et al. (NeurIPS 2016) have their generator.
Differs: no adversary, so that what is drawn is smoother than real clips and the fit always comes to
an end; the encoder is learned too; noise on the codes, so that codes in between draw clips too.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.clips.store import ClipStore
from kinetoscope.errors import CatalogError, ClipError, EvidenceError, KinetoscopeError
from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.evidence.stimuli.writings.generator import (
    SLOPE,
    Codes,
    Generator,
    GeneratorConfig,
    start_for_leaking,
)
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Volume
from kinetoscope.units.reading import read

KIND = "generator"
WEIGHTS = "weights.safetensors"
_AT_ONCE = 16  # clips, where nothing is learned
_RISING = 0.1  # the share of the steps in which the rate rises

Progress = Callable[[str, int, int], None]
"""Is told what is being done (`videos`, `steps`), how many are done, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How a generator learns.

    Args:
        steps: of Adam.
        code: how many numbers a code has.
        width: channels at the size of the clip; see `GeneratorConfig`.
        clips_per_step: how many are looked at in each.
        rate: of learning at its largest, after a tenth of the steps; then it falls to zero.
        noise: on the codes, while learning [deviations of a code].
        layer: whose answers to what is drawn should be those to what was there; needs the network.
        likeness: the weight of that, against that of pixels.
        held_out: the share of videos that tell how well it learns.
        videos: of a larger catalog, so many are looked at.
    """

    steps: int = 2000
    code: int = 256
    width: int = 16
    clips_per_step: int = 8
    rate: float = 2e-3
    noise: float = 0.1
    layer: str | None = None
    likeness: float = 1.0
    held_out: float = 0.2
    videos: int = 1000

    def __post_init__(self):
        small = [n for n in ("steps", "code", "width", "clips_per_step") if getattr(self, n) < 1]
        if small or not 0 < self.held_out < 1 or self.videos < 2:
            raise ClipError(
                "a generator can't learn so",
                got=", ".join(f"{name} {value}" for name, value in vars(self).items()),
                expected="steps, code, width and clips of 1 or more, two videos or more, and a "
                "share held out between 0 and 1",
            )


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A generator, and how it learned.

    Args:
        generator: in eval mode, on the CPU.
        settings: how it learned.
        history: the loss at every step: of each stream the share that is missed, 1 for always
            drawing the mean clip; of the layer likewise.
        errors: of each stream, of videos that were held out: root mean square of what is missed;
            frames where white is 1, flow in pixels per frame.
        mean_clip_errors: the same for always drawing the mean clip.
        learned, held_out: how many videos.
        failures: path, where and error of each video that can't be read.
    """

    generator: Generator = field(repr=False)
    settings: Fitting
    history: Mapping[str, Sequence[float]] = field(repr=False)
    errors: Mapping[str, float]
    mean_clip_errors: Mapping[str, float]
    learned: int
    held_out: int
    failures: tuple[Mapping[str, str], ...] = ()

    @property
    def useful(self) -> bool:
        """Whether it draws every stream better than the mean clip does."""
        return all(self.errors[name] < error for name, error in self.mean_clip_errors.items())


def fit_generator(
    expects: ClipSpec,
    catalog: Catalog,
    *,
    settings: Fitting | None = None,
    network: Network | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Fit a generator to a catalog.

    Args:
        expects: the clips that it shall draw; those of the network that it is for.
        catalog: what it learns from. A video that can't be read is listed; the rest go on.
        settings: how.
        network: whose layer is to tell drawn and real clips apart, where the settings name one;
            the fit takes place where it lies.
        seed: of the first weights, of the clips that are drawn, and of what is held out.
        progress: is told how far it is.

    Raises:
        CatalogError: fewer than two videos can be read, or all are parts of one.
        ClipError, UnknownNameError: a layer is named and there is no network, or it has none such.
    """
    settings = settings or Fitting()
    progress = progress or (lambda what, done, total: None)
    _check_layer(settings, network, expects)
    videos = _Videos(catalog, expects, settings, seed, progress)
    device = "cpu" if network is None else network.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = GeneratorConfig(expects=expects, code=settings.code, width=settings.width)
        generator, encoder = Generator(config), _Encoder(config)
    lesson = _Lesson(generator.to(device), encoder.to(device), settings, network)
    _measure_clips(generator, videos)
    history = lesson.learn(videos, torch.Generator().manual_seed(seed), progress)
    _measure_codes(generator, encoder, videos)
    errors, mean_clip_errors = _held_out_errors(generator, encoder, videos)
    return Fit(
        generator=generator.eval().cpu(),
        settings=settings,
        history=history,
        errors=errors,
        mean_clip_errors=mean_clip_errors,
        learned=len(videos.learned),
        held_out=len(videos.held_out),
        failures=tuple(videos.failures),
    )


def write_generator(folder: Path, fit: Fit, provenance: Provenance) -> None:
    """Write a generator as a folder of evidence; whole, or not at all."""
    with writing_evidence(folder, KIND, provenance) as (aside, answer):
        weights = {name: x.contiguous() for name, x in fit.generator.state_dict().items()}
        save_file(weights, aside / WEIGHTS)
        answer["config"] = fit.generator.config.to_json()
        answer["settings"] = asdict(fit.settings)
        for name in (*_NUMBERS, "history", "failures"):
            answer[name] = getattr(fit, name)


_NUMBERS = ("errors", "mean_clip_errors", "learned", "held_out")


def read_generator(folder: Path) -> Generator:
    """Read a generator.

    Raises:
        EvidenceError: the folder holds none, or its weights do not fit.
    """
    answer = read_evidence(folder, KIND).answer
    try:
        about = dict(answer["config"])
        expects = ClipSpec.from_json(about.pop("expects"))
        generator = Generator(GeneratorConfig(expects=expects, **about))
        generator.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, KeyError, TypeError, RuntimeError, ClipError, SafetensorError) as error:
        raise EvidenceError(
            f"the generator in {folder} can't be read",
            got=str(error).splitlines()[0],
            expected=f"weights in {WEIGHTS} that fit the config in evidence.json",
            hint="kinetoscope train-prior makes it anew",
        ) from error
    return generator.eval()


class _Encoder(nn.Module):
    """From a clip to its code: the generator's extents, the other way round."""

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        extents, widths = config.extents, config.widths
        self.layers = nn.ModuleList()
        before = config.channels
        for large, small, after in zip(extents, extents[1:], widths[1:], strict=False):
            time, height, width = (1 if a == b else 2 for a, b in zip(large, small, strict=True))
            self.layers.append(nn.Conv3d(before, after, 3, (time, height, width), padding=1))
            before = after
        self.code = nn.Linear(before * math.prod(extents[-1]), config.code)
        start_for_leaking(self)

    def forward(self, clips: Volume) -> Codes:
        x = clips
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
        return self.code(x.flatten(1))


class _Videos:
    """The clips of a catalog, parted into those to learn from and those that are held out."""

    def __init__(
        self, catalog: Catalog, spec: ClipSpec, settings: Fitting, seed: int, progress: Progress
    ):
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(catalog), generator=generator)[: settings.videos]
        entries = tuple(catalog.entries[place] for place in sorted(chosen.tolist()))
        self._store = ClipStore(
            replace(catalog, entries=entries),
            spec,
            on_progress=lambda done, total: progress("videos", done, total),
        )
        self.failures: list[dict[str, str]] = []
        for entry, error in self._store.failures:
            self._fail(entry, error)
        groups = [entry.group or str(entry.path) for entry in self._store.entries]
        names = list(dict.fromkeys(groups))
        count = max(1, round(settings.held_out * len(names)))
        order = torch.randperm(len(names), generator=generator).tolist()
        kept = {names[place] for place in order[:count]}
        self.learned = [place for place, name in enumerate(groups) if name not in kept]
        self.held_out = [place for place, name in enumerate(groups) if name in kept]
        self._check()

    def draw(self, count: int, generator: torch.Generator) -> list[Clip]:
        """Clips of videos to learn from, anywhere in them."""
        clips: list[Clip] = []
        while len(clips) < count:
            which = self.learned[int(torch.randint(len(self.learned), (), generator=generator))]
            try:
                clips.append(self._store.draw(which, generator))
            except KinetoscopeError as error:
                self._lose(which, error)
        return clips

    def centres(self, which: Sequence[int]) -> list[Clip]:
        """The clips in the middle of some videos."""
        clips = []
        for place in which:
            try:
                clips.append(self._store.centre(place))
            except KinetoscopeError as error:
                self._lose(place, error)
        return clips

    def _lose(self, place: int, error: KinetoscopeError) -> None:
        """Go on without a video that could be opened at first."""
        self._fail(self._store.entries[place], str(error))
        self.learned = [each for each in self.learned if each != place]
        self.held_out = [each for each in self.held_out if each != place]
        self._check()

    def _fail(self, entry: Entry, error: str) -> None:
        path = self._store.catalog.relative_path(entry)
        self.failures.append({"path": path, "where": entry.where, "error": error})

    def _check(self) -> None:
        if not self.learned or not self.held_out:
            raise CatalogError(
                "a generator can't learn from so few videos",
                got=f"{len(self.learned)} to learn from, {len(self.held_out)} to hold out, and "
                f"{len(self.failures)} that can't be read",
                expected="two that can be read, or more, which are not parts of one",
                hint=self.failures[0]["error"] if self.failures else None,
            )


class _Lesson:
    """What is learned, and from what loss."""

    def __init__(
        self, generator: Generator, encoder: _Encoder, settings: Fitting, network: Network | None
    ):
        self.generator, self.encoder = generator, encoder
        self.settings, self.network = settings, network

    def learn(
        self, videos: _Videos, drawing: torch.Generator, progress: Progress
    ) -> dict[str, list[float]]:
        """Learn, and tell the losses of every step."""
        settings = self.settings
        weights = [*self.generator.parameters(), *self.encoder.parameters()]
        optimizer = torch.optim.Adam(weights, lr=settings.rate)
        rates = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, settings))
        history: dict[str, list[float]] = {}
        for step in range(settings.steps):
            clips = _volume(videos.draw(settings.clips_per_step, drawing), self.generator)
            losses = self._losses(clips, drawing)
            optimizer.zero_grad()
            torch.autograd.backward(sum(losses.values(), clips.new_zeros(())), inputs=weights)
            optimizer.step()
            rates.step()
            for name, loss in losses.items():
                history.setdefault(name, []).append(loss.item())
            progress("steps", step + 1, settings.steps)
        return history

    def _losses(self, clips: Volume, drawing: torch.Generator) -> dict[str, Tensor]:
        generator, settings = self.generator, self.settings
        code = self.encoder(generator.compared(clips))
        noise = torch.randn(code.shape, generator=drawing).to(code)
        noise = settings.noise * code.detach().std(dim=0, correction=0) * noise
        drawn = generator(code + noise)
        missed = generator.parted((drawn - generator.compared(clips)).square())
        losses = {stream: each.mean() for stream, each in missed.items()}
        if self.network is not None and settings.layer is not None:
            losses[settings.layer] = settings.likeness * _unlike(
                self.network, settings.layer, generator, generator.shown(drawn), clips
            )
        return losses


def _rate(step: int, settings: Fitting) -> float:
    """Of learning, as a share of the largest: up in a straight line, down by half a cosine."""
    rising = _RISING * settings.steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return (1 + math.cos(math.pi * (step - rising) / (settings.steps - rising))) / 2


def _unlike(
    network: Network, layer: str, generator: Generator, drawn: Volume, clips: Volume
) -> Tensor:
    """The share of a layer's answers to clips that is missed by those to what is drawn."""

    def answer(shown: Volume) -> Tensor:
        return read(network, ClipBatch(**generator.parted(shown)), [layer])[layer].flatten(1)

    with evaluating(network):
        with torch.no_grad():
            wanted = answer(clips)
        missed = (answer(drawn) - wanted).square().sum(1)
    return (missed / wanted.square().sum(1).clamp(min=1e-12)).mean()


def _volume(clips: Sequence[Clip], generator: Generator) -> Volume:
    """Clips with their streams one behind the other, where the generator lies."""
    batch = ClipBatch.of(clips, generator.config.expects)
    streams = [batch.stream(name) for name in generator.config.expects.streams]
    return torch.cat(streams, dim=1).to(generator.mean_clip)


def _measure_clips(generator: Generator, videos: _Videos) -> None:
    """Tell the generator what the mean clip is, and how much clips differ from it."""
    total, squares, count = torch.zeros(()), torch.zeros(()), 0
    for clips in _batches(generator, videos, videos.learned):
        total = total + clips.double().sum(0).cpu()
        squares = squares + clips.double().square().sum(0).cpu()
        count += len(clips)
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0)
    generator.mean_clip.copy_(mean)
    start = 0
    for stream in generator.config.expects.streams:
        end = start + CHANNELS[stream]
        generator.spread[start:end] = variance[start:end].mean().sqrt().clamp(min=_LEAST[stream])
        start = end


_LEAST = {"frames": 1 / 255, "flow": 0.01}
"""How much clips differ at least, so that those of a single picture are no division by zero."""


@torch.inference_mode()
def _measure_codes(generator: Generator, encoder: _Encoder, videos: _Videos) -> None:
    """Tell the generator which codes real clips have."""
    codes = torch.cat(
        [encoder(generator.compared(x)) for x in _batches(generator, videos, videos.learned)]
    )
    generator.code_mean.copy_(codes.mean(0))
    generator.code_deviation.copy_(codes.std(0, correction=0))


@torch.inference_mode()
def _held_out_errors(
    generator: Generator, encoder: _Encoder, videos: _Videos
) -> tuple[dict[str, float], dict[str, float]]:
    """Of each stream, what is missed by the generator, and by the mean clip."""
    missed: dict[str, list[Tensor]] = {}
    mean_missed: dict[str, list[Tensor]] = {}
    for clips in _batches(generator, videos, videos.held_out):
        drawn = generator.shown(generator(encoder(generator.compared(clips))))
        for found, shown in ((missed, drawn), (mean_missed, generator.mean_clip)):
            for stream, x in generator.parted((clips - shown).square()).items():
                found.setdefault(stream, []).append(x.mean(dim=(1, 2, 3, 4)))
    first, second = (
        {stream: torch.cat(each).mean().sqrt().item() for stream, each in found.items()}
        for found in (missed, mean_missed)
    )
    return first, second


def _batches(generator: Generator, videos: _Videos, which: Sequence[int]) -> Iterator[Volume]:
    for start in range(0, len(which), _AT_ONCE):
        clips = videos.centres(which[start : start + _AT_ONCE])
        if clips:
            yield _volume(clips, generator)


def _check_layer(settings: Fitting, network: Network | None, expects: ClipSpec) -> None:
    if settings.layer is None:
        return
    if network is None:
        raise ClipError(
            f"what {settings.layer} answers can't be told",
            got="the name of a layer, and no network",
            expected="a network that has it",
        )
    network.layer(settings.layer)
    if set(network.expects.streams) - set(expects.streams):
        raise ClipError(
            f"{network.name} can't be shown these clips",
            got=" and ".join(expects.streams),
            expected=" and ".join(network.expects.streams),
        )
