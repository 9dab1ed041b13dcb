from kinetoscope.clips.cache import ClipCache as ClipCache
from kinetoscope.clips.catalog import Catalog as Catalog
from kinetoscope.clips.catalog import Entry as Entry
from kinetoscope.clips.catalog import read_catalog as read_catalog
from kinetoscope.clips.clip import Clip as Clip
from kinetoscope.clips.clip import ClipBatch as ClipBatch
from kinetoscope.clips.open import open_clip as open_clip
from kinetoscope.clips.open import open_views as open_views
from kinetoscope.clips.spec import ClipSpec as ClipSpec
from kinetoscope.clips.worlds.faults import make_faults as make_faults
from kinetoscope.clips.worlds.figures import make_figures as make_figures
from kinetoscope.clips.worlds.parts import make_parts as make_parts
from kinetoscope.clips.worlds.shapes import make_shapes as make_shapes
from kinetoscope.errors import KinetoscopeError as KinetoscopeError
from kinetoscope.evidence.attribution.along import attribute_along as attribute_along
from kinetoscope.evidence.attribution.along_writing import (
    write_attribution_along as write_attribution_along,
)
from kinetoscope.evidence.attribution.attribute import attribute as attribute
from kinetoscope.evidence.attribution.attribution import Attribution as Attribution
from kinetoscope.evidence.attribution.belief.check import (
    write_attribution_check as write_attribution_check,
)
from kinetoscope.evidence.attribution.methods.class_maps import CAM as CAM
from kinetoscope.evidence.attribution.methods.extremal import Extremal as Extremal
from kinetoscope.evidence.attribution.methods.grad_cam import GradCAM as GradCAM
from kinetoscope.evidence.attribution.methods.grad_cam import GradCAMPlusPlus as GradCAMPlusPlus
from kinetoscope.evidence.attribution.methods.grad_cam import LayerCAM as LayerCAM
from kinetoscope.evidence.attribution.methods.gradients import Gradient as Gradient
from kinetoscope.evidence.attribution.methods.gradients import (
    GradientTimesInput as GradientTimesInput,
)
from kinetoscope.evidence.attribution.methods.integrated_gradients import (
    IntegratedGradients as IntegratedGradients,
)
from kinetoscope.evidence.attribution.methods.led_back import Deconvnet as Deconvnet
from kinetoscope.evidence.attribution.methods.led_back import GuidedBackprop as GuidedBackprop
from kinetoscope.evidence.attribution.methods.occlusion import Occlusion as Occlusion
from kinetoscope.evidence.attribution.methods.occlusion import OcclusionByTubes as OcclusionByTubes
from kinetoscope.evidence.attribution.methods.occlusion import OcclusionInSpace as OcclusionInSpace
from kinetoscope.evidence.attribution.methods.occlusion import OcclusionInTime as OcclusionInTime
from kinetoscope.evidence.attribution.methods.relevance import Relevance as Relevance
from kinetoscope.evidence.attribution.methods.rise import Rise as Rise
from kinetoscope.evidence.attribution.methods.rollout import AttentionRollout as AttentionRollout
from kinetoscope.evidence.attribution.methods.smooth_grad import SmoothGrad as SmoothGrad
from kinetoscope.evidence.attribution.question import Question as Question
from kinetoscope.evidence.attribution.removal import Removal as Removal
from kinetoscope.evidence.attribution.shares import Shares as Shares
from kinetoscope.evidence.attribution.shares import motion_heat as motion_heat
from kinetoscope.evidence.attribution.shares import shares_of as shares_of
from kinetoscope.evidence.attribution.writing import write_attributions as write_attributions
from kinetoscope.evidence.audit.audit import write_audit as write_audit
from kinetoscope.evidence.beside.nature import Nature as Nature
from kinetoscope.evidence.beside.nature import measure_nature as measure_nature
from kinetoscope.evidence.beside.nature import read_nature as read_nature
from kinetoscope.evidence.beside.reference import Reference as Reference
from kinetoscope.evidence.beside.reference import reference_from_scan as reference_from_scan
from kinetoscope.evidence.beside.reference import reference_of as reference_of
from kinetoscope.evidence.cues.cues import write_cues as write_cues
from kinetoscope.evidence.evidence import Evidence as Evidence
from kinetoscope.evidence.evidence import Provenance as Provenance
from kinetoscope.evidence.evidence import read_evidence as read_evidence
from kinetoscope.evidence.evolution.evolution import write_evolution as write_evolution
from kinetoscope.evidence.examples.neighbours import neighbours as neighbours
from kinetoscope.evidence.failure.confusion import write_confusion as write_confusion
from kinetoscope.evidence.health.health import write_health as write_health
from kinetoscope.evidence.invariance.invariance import write_invariance as write_invariance
from kinetoscope.evidence.invariance.random_weights import (
    with_random_weights as with_random_weights,
)
from kinetoscope.evidence.representation.alike import write_similarity as write_similarity
from kinetoscope.evidence.representation.embedding import write_embedding as write_embedding
from kinetoscope.evidence.representation.probes import write_probes as write_probes
from kinetoscope.evidence.representation.similarity import linear_cka as linear_cka
from kinetoscope.evidence.responses import respond as respond
from kinetoscope.evidence.retrieval import Hit as Hit
from kinetoscope.evidence.retrieval import class_means as class_means
from kinetoscope.evidence.retrieval import dead_units as dead_units
from kinetoscope.evidence.retrieval import top_clips as top_clips
from kinetoscope.evidence.retrieval import write_retrieval as write_retrieval
from kinetoscope.evidence.sample import open_sample as open_sample
from kinetoscope.evidence.scan import Scan as Scan
from kinetoscope.evidence.scan import read_scan as read_scan
from kinetoscope.evidence.scan import scan as scan
from kinetoscope.evidence.scanning.merge import merge_scans as merge_scans
from kinetoscope.evidence.specificity.ablation import without_units as without_units
from kinetoscope.evidence.specificity.specificity import write_specificity as write_specificity
from kinetoscope.evidence.stimuli.jobs.job import maximize_all as maximize_all
from kinetoscope.evidence.stimuli.maximize import Maximized as Maximized
from kinetoscope.evidence.stimuli.maximize import layers_with_slope as layers_with_slope
from kinetoscope.evidence.stimuli.maximize import maximize as maximize
from kinetoscope.evidence.stimuli.measures.measuring import measured as measured
from kinetoscope.evidence.stimuli.priors import Prior as Prior
from kinetoscope.evidence.stimuli.robustness import Robustness as Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing as Maximizing
from kinetoscope.evidence.stimuli.stimulus import Stimulus as Stimulus
from kinetoscope.evidence.stimuli.stimulus import read_stimuli as read_stimuli
from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation as Accentuation
from kinetoscope.evidence.stimuli.writings.fourier import Fourier as Fourier
from kinetoscope.evidence.stimuli.writings.generator import Generated as Generated
from kinetoscope.evidence.stimuli.writings.generator_fit import fit_generator as fit_generator
from kinetoscope.evidence.stimuli.writings.generator_fit import read_generator as read_generator
from kinetoscope.evidence.stimuli.writings.moved_texture import MovedTexture as MovedTexture
from kinetoscope.evidence.stimuli.writings.phases import Phases as Phases
from kinetoscope.evidence.stimuli.writings.pixels import Pixels as Pixels
from kinetoscope.evidence.tuning.tuning import write_tuning as write_tuning
from kinetoscope.networks.dsts import add_dsts as add_dsts
from kinetoscope.networks.export import export_network as export_network
from kinetoscope.networks.network import Classification as Classification
from kinetoscope.networks.network import Network as Network
from kinetoscope.networks.network import TokenGrid as TokenGrid
from kinetoscope.networks.non_local import add_non_local as add_non_local
from kinetoscope.networks.others.adapters import as_network as as_network
from kinetoscope.networks.others.downloads import download_weights as download_weights
from kinetoscope.networks.pictures.inflate import inflate as inflate
from kinetoscope.networks.pictures.picture_weights import load_pictures as load_pictures
from kinetoscope.networks.weights import load_network as load_network
from kinetoscope.networks.weights import load_weights as load_weights
from kinetoscope.networks.weights import save_network as save_network
from kinetoscope.networks.zoo import build_network as build_network
from kinetoscope.report.report import write_report as write_report
from kinetoscope.training.evaluate import evaluate as evaluate
from kinetoscope.training.evaluation import Evaluation as Evaluation
from kinetoscope.training.loop import train as train
from kinetoscope.training.recipe import Recipe as Recipe
from kinetoscope.training.recipe import read_recipe as read_recipe
from kinetoscope.training.svm import fit_svm_fusion as fit_svm_fusion
from kinetoscope.training.timeline import Moment as Moment
from kinetoscope.training.timeline import classify_video as classify_video
from kinetoscope.units.attention import Attention as Attention
from kinetoscope.units.attention import attention_from as attention_from
from kinetoscope.units.layers import Layer as Layer
from kinetoscope.units.layers import list_layers as list_layers
from kinetoscope.units.objective import Objective as Objective
from kinetoscope.units.objective import activation as activation
from kinetoscope.units.objective import direction as direction
from kinetoscope.units.objective import features as features
from kinetoscope.units.objective import label as label
from kinetoscope.units.objective import neuron as neuron
from kinetoscope.units.receptive import ReceptiveField as ReceptiveField
from kinetoscope.units.receptive import receptive_fields as receptive_fields
from kinetoscope.units.unit import Unit as Unit
from kinetoscope.video.video import Video as Video
from kinetoscope.video.video import open_video as open_video

__version__: str
