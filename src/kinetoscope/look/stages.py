"""What are the stages of a look, in which order?

Every stage writes its evidence to a folder of its own and skips what is there already.
"""

from collections.abc import Callable

from kinetoscope.look import attributions, grounds, ideals, questions
from kinetoscope.look.bench import Bench

STAGES: dict[str, Callable[[Bench], object]] = {
    "evaluation": grounds.measure_accuracy,
    "scan": grounds.scan_catalog,
    "retrieval": grounds.retrieve,
    "nature": grounds.look_at_nature,
    "health": questions.check_health,
    "specificity": questions.measure_specificity,
    "cues": questions.measure_cues,
    "tuning": questions.measure_tuning,
    "invariance": questions.measure_invariance,
    "probes": questions.probe_layers,
    "similarity": questions.compare_layers,
    "embedding": questions.map_clips,
    "evolution": questions.follow_training,
    "confusion": questions.explain_confusion,
    "attribution-check": attributions.check_attribution,
    "attribution": attributions.attribute_clips,
    "audit": questions.audit_data,
    "stimuli": ideals.make_stimuli,
}
"""By name, in the order in which they are done."""
