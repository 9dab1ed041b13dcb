"""A small look, made by the real producers: videos, a planted network, a scan, stimuli.

    python tests/report/made_look.py FOLDER

writes one to open and look at. Labels and file names are as unfriendly as a report must bear.
"""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.evidence import Provenance, writing_evidence
from kinetoscope.evidence.retrieval import write_retrieval
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.stimuli.maximize import Maximizing, maximize
from kinetoscope.evidence.stimuli.stimulus import Measures, Peak, write_stimuli
from kinetoscope.networks.network import Network
from kinetoscope.report.report import write_report
from kinetoscope.training.evaluate import evaluate
from kinetoscope.units.layers import list_layers
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.unit import Unit
from kinetoscope.video.encode import write_mp4

LABELS = ("left", "right", "<script>alert('label')</script>", 'say "down" \\ 日本')
DIRECTIONS = {LABELS[0]: (-2, 0), LABELS[1]: (2, 0), LABELS[2]: (0, -2), LABELS[3]: (0, 2)}
NAMES = ("plain {}.mp4", 'quoted "é" {}.mp4', "<img src=x onerror=alert({})>.mp4")
FRAMES, SIDE = 8, 32
SLOWNESS = (0.0, 10.0)

SEVERAL, VEILED, UNLIKE = (activation(Unit("fusion_on", channel)) for channel in (1, 2, 3))
OTHERS = (
    neuron(Unit("fusion_on", 0)),
    -activation(Unit("fusion_on", 0)),
    *(label(name) for name in LABELS[:3]),
    label(LABELS[0]) - label(LABELS[1]),
)
REFERENCE = "videos"
LEFT = (activation(Unit("appearance.on", 1)), activation(Unit("appearance.on", 2)))
KNOWN = {label(name): 1.0 for name in LABELS[:3]}  # largest answers, made up


class TwoLanes(nn.Module):
    """Colours in one lane, directions in the other, and units that see both; one of them dead."""

    def __init__(self):
        super().__init__()
        self.appearance = nn.Sequential()
        self.appearance.colour = nn.Conv3d(3, 3, 1, bias=False)
        self.appearance.on = nn.ReLU()
        self.motion = nn.Sequential()
        self.motion.direction = nn.Conv3d(2, 4, (1, 5, 5), padding=(0, 2, 2), bias=False)
        self.motion.on = nn.ReLU()
        self.fusion = nn.Conv3d(7, 6, 1)
        self.fusion_on = nn.ReLU()
        self.label = nn.Linear(6, 4)
        self._plant()

    def _plant(self):
        directions = torch.tensor(list(DIRECTIONS.values())).float() / 2
        self.motion.direction.weight.data = (
            directions[:, :, None, None, None].expand(4, 2, 1, 5, 5).clone() / 25
        )
        self.appearance.colour.weight.data = torch.eye(3).reshape(3, 3, 1, 1, 1)
        weight = torch.zeros(6, 7)
        weight[:4, 3:] = torch.eye(4)
        weight[4, :3] = 0.5
        self.fusion.weight.data = weight.reshape(6, 7, 1, 1, 1)
        self.fusion.bias.data = torch.tensor([0, 0, 0, 0, 0, -9.0])
        self.label.weight.data = 6 * torch.eye(4, 6)
        self.label.bias.data = torch.tensor([0, 0, 0, -2.5])

    def forward(self, frames, flow):
        seen = torch.cat([self.appearance(frames), self.motion(flow)], dim=1)
        return self.label(self.fusion_on(self.fusion(seen)).mean((2, 3, 4)))


def small_network():
    expects = ClipSpec(
        streams=("frames", "flow"),
        frames=FRAMES,
        short_side=SIDE,
        size=(SIDE, SIDE),
        flow_scale=2.0,
    )
    layers = ["appearance.on", "motion.direction", "motion.on", "fusion_on", "label"]
    torch.manual_seed(0)
    return Network(
        TwoLanes(), labels=LABELS, expects=expects, name="two <lanes>", layers=layers
    ).eval()


def write_videos(folder):
    """Textures that move one way each, three a label, and a file that is no video."""
    generator = torch.Generator().manual_seed(0)
    rows = [("broken <b>.mp4", LABELS[0])]
    folder.mkdir(parents=True)
    (folder / rows[0][0]).write_text("not a video")
    for number, told in enumerate(LABELS):
        for name in NAMES:
            path = folder / name.format(number)
            write_mp4(path, _moving(*DIRECTIONS[told], generator), 8.0)
            rows.append((path.name, told))
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "label"), *rows])


def _moving(right, down, generator):
    coarse = torch.rand(1, 3, 8, 8, generator=generator)
    texture = nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic")[0].clamp(0, 1)
    frames = [texture.roll((down * t, right * t), (1, 2)) for t in range(FRAMES)]
    return (torch.stack(frames).permute(0, 2, 3, 1) * 255).to(torch.uint8)


def make_look(folder: Path) -> Path:
    """Fill a folder with the evidence of a look; the report is left to be written."""
    videos = folder / "videos"
    if not videos.exists():
        write_videos(videos)
    network, evidence = small_network(), folder / "evidence"
    catalog = read_catalog(videos)
    _tell_network(network, evidence)
    _tell_accuracy(network, catalog, evidence)
    found = scan(network, catalog, evidence / "scan", workers=1)
    units = [Unit("fusion_on", channel) for channel in range(6)]
    units += [Unit("appearance.on", 0), Unit("motion.on", 1)]
    write_retrieval(network, catalog, found, units, evidence / "retrieval", count=5)
    best = {
        activation(unit): found.channel_maxima(unit.layer)[unit.channel].item() for unit in units
    }
    _make_stimuli(network, [*best, *OTHERS], best, evidence)
    return folder


def _make_stimuli(network, objectives, best, evidence):
    """Stimuli by a few steps, and measures that are known; of one objective several that differ."""
    settings = Maximizing(steps=12, travel=0.6)
    made = maximize(
        network, objectives, slowness=SLOWNESS, best_real=best | KNOWN, settings=settings
    )
    by_objective = {each: made.of(each) for each in objectives if made.of(each)}
    several = replace(settings, diverse=2)
    by_objective[SEVERAL] = maximize(
        network, [SEVERAL], slowness=SLOWNESS, best_real=best, settings=several
    ).of(SEVERAL)
    for objective, stimuli in by_objective.items():
        own = [_measured(each) for each in stimuli]
        folder = evidence / "stimuli" / objective.file_name
        write_stimuli(folder, own, Provenance.of(network, objective=str(objective)))
    with writing_evidence(evidence / "maximization", "maximization", Provenance.of(network)) as (
        _,
        answer,
    ):
        answer["asked"] = [str(each) for each in (*objectives, *LEFT)]
        answer["made"] = [str(each) for each in by_objective]
        answer["failures"] = [
            {"objective": str(each.objective), "reason": each.reason} for each in made.failures
        ]
        answer["left"], answer["reference"] = [str(each) for each in LEFT], REFERENCE


def _measured(stimulus):
    similarity = 0.1 if stimulus.objective == UNLIKE else 0.9
    opacity = None
    if stimulus.objective == VEILED:
        opacity = torch.linspace(0, 1, SIDE).expand(FRAMES, SIDE, SIDE).contiguous()
    measures = Measures(
        ratio_over_transforms=0.8,
        percentile=0.975,
        rank=2,
        units=6,
        specificity=1.5,
        flow_peak=Peak(right=0.125, down=0.0, over_time=0.25),
        spectrum_distance=4.25,
        speeds_distance=0.5,
        path_similarity={"appearance.on": 0.7, "motion.on": similarity},
        stream_shares={"frames": 0.25, "flow": 0.75},
        activation_spread=0.05,
        stability=0.9,
        tie_gap=0.125,
    )
    woken = stimulus.objective == UNLIKE
    went_on = 2 if woken and stimulus.slowness else 0
    said = {"woken": woken, "went_on": went_on, "reference": REFERENCE}
    return replace(stimulus, measures=measures, opacity=opacity, **said)


def _tell_network(network, evidence):
    with writing_evidence(evidence / "network", "network", Provenance.of(network)) as (_, answer):
        answer["name"], answer["labels"] = network.name, network.labels
        answer["expects"] = network.expects.to_json()
        answer["weights_count"] = network.weights_count
        answer["layers"] = [layer.to_json() for layer in list_layers(network)]
        answer["without_stimuli"] = ["motion.direction"]


def _tell_accuracy(network, catalog, evidence):
    for name, without in (("evaluation", None), ("evaluation-without-flow", "flow")):
        measured = evaluate(network, catalog, without=without)
        provenance = Provenance.of(network, objective=name)
        with writing_evidence(evidence / name, "evaluation", provenance) as (_, answer):
            answer.update(measured.to_json())


if __name__ == "__main__":
    print(write_report(make_look(Path(sys.argv[1]))))
