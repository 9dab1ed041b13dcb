"""How do clips lie on a plane, if those that a layer takes for alike are to be neighbours?

By t-SNE, as openTSNE has it, begun at the two directions in which clips differ most; or by UMAP,
as umap-learn has it. Both keep neighbourhoods, not distances: how far apart two groups lie and how
wide they are says little. Features beyond fifty are first turned to the fifty directions in which
clips differ most.

A map can be continued. What it was made of is kept as plain arrays, and new clips are put where
their neighbours lie, the old ones staying where they are.

Source: van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008; new points and the
beginning as in Kobak and Berens, "The Art of Using t-SNE for Single-cell Transcriptomics", Nature
Communications 2019, and Policar, Strazar and Zupan, "openTSNE", JSS 2024; McInnes, Healy and
Melville, "UMAP", 2018; on clips of videos as Karpathy's t-SNE of image codes, 2014.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from kinetoscope.errors import EvidenceError, MissingPackageError
from kinetoscope.evidence.representation.clips import Table

Method = Literal["tsne", "umap"]

Plane = Float[np.ndarray, "clip 2"]

PERPLEXITY = 30.0
"""About how many neighbours a clip has; a third of the clips where these are few."""

LEAST_CLIPS = 5
"""Of fewer there is nothing to lay out."""

_COMPONENTS = 50
_EXACT = 5000  # clips up to which all distances are computed, and nothing is left to chance
_UMAP_NEIGHBOURS = 15
_NEW_PERPLEXITY = 5.0  # a new clip lies where its few nearest do, as openTSNE has it


@dataclass(frozen=True, kw_only=True)
class Map:
    """Clips on a plane, and what is needed to put others beside them.

    Args:
        method: that laid them out.
        points: right and up, in the method's own units, which mean nothing.
        features: that were laid out, turned and few.
        centre, directions: by which features were turned, `feature` and `kept feature`.
        kept: how much of the variance of the features these have.
        perplexity: of t-SNE, or how many neighbours UMAP has taken.
        seed: of everything random.
    """

    method: Method
    points: Plane
    features: Float[np.ndarray, "clip kept"]
    centre: Float[np.ndarray, " feature"]
    directions: Float[np.ndarray, "kept feature"]
    kept: float
    perplexity: float
    seed: int

    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept in a file."""
        names = ("points", "features", "centre", "directions")
        return {name: np.ascontiguousarray(getattr(self, name)) for name in names}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any]) -> "Map":
        """Read back; settings are method, kept, perplexity and seed."""
        return cls(**arrays, **settings)


def lay_out(
    features: Table, method: Method = "tsne", *, perplexity: float | None = None, seed: int = 0
) -> Map:
    """Lay clips out on a plane.

    Args:
        features: a row a clip.
        method: t-SNE or UMAP.
        perplexity: about how many neighbours a clip has; `PERPLEXITY` if not given, or fewer.
        seed: of everything random; the same seed gives the same map.

    Raises:
        EvidenceError: there are fewer than `LEAST_CLIPS` clips, or all are alike.
        MissingPackageError: the method's library is not installed.
    """
    if len(features) < LEAST_CLIPS or not np.ptp(features, axis=0).any():
        raise EvidenceError(
            "there is nothing to lay out on a plane",
            got=f"{len(features)} clips, {len(np.unique(features, axis=0))} of them different",
            expected=f"{LEAST_CLIPS} clips or more that differ",
        )
    centre, directions, kept = _turn(features)
    turned = (features - centre) @ directions.T
    near = min(perplexity or PERPLEXITY, (len(features) - 1) / 3)
    if method == "tsne":
        points = _tsne(turned, near, seed)
    else:
        near = float(min(perplexity or _UMAP_NEIGHBOURS, len(features) - 1))
        points = np.asarray(_umap(turned, near, seed).embedding_, dtype=float)
    return Map(
        method=method,
        points=points,
        features=turned,
        centre=centre,
        directions=directions,
        kept=kept,
        perplexity=float(near),
        seed=seed,
    )


def lay_beside(
    known: Map, features: Float[np.ndarray, "new feature"]
) -> Float[np.ndarray, "new 2"]:
    """Put new clips into a map whose clips stay where they are.

    Args:
        known: the map.
        features: of the new clips, from the same layer.

    Raises:
        EvidenceError: the features are of another layer.
        MissingPackageError: the method's library is not installed.
    """
    if features.shape[1] != len(known.centre):
        raise EvidenceError(
            "the clips are seen by another layer than the map's",
            got=f"{features.shape[1]} features",
            expected=f"{len(known.centre)} features",
        )
    turned = (features - known.centre) @ known.directions.T
    if known.method == "umap":
        fitted = _umap(known.features, known.perplexity, known.seed)
        fitted.embedding_ = known.points.astype(np.float32)
        return np.asarray(fitted.transform(turned), dtype=float)
    return _beside_by_tsne(known, turned)


def _turn(features: Table) -> tuple[np.ndarray, np.ndarray, float]:
    """The mean, the directions in which clips differ most, and how much of that these have."""
    from sklearn.decomposition import PCA

    turned = PCA(min(_COMPONENTS, *features.shape), svd_solver="full").fit(features)
    kept = float(turned.explained_variance_ratio_.sum())
    return np.asarray(turned.mean_), np.asarray(turned.components_), kept


def _tsne(features: np.ndarray, perplexity: float, seed: int) -> Plane:
    opened = _opentsne()
    with _quiet():
        affinities = _affinities(opened, features, perplexity, seed)
        start = opened.initialization.pca(features, random_state=seed)
        found = opened.TSNE(
            perplexity=perplexity, negative_gradient_method="bh", n_jobs=1, random_state=seed
        ).fit(affinities=affinities, initialization=start)
    points = np.asarray(found, dtype=float)
    return points - (points.max(axis=0) + points.min(axis=0)) / 2


def _beside_by_tsne(known: Map, features: np.ndarray) -> Plane:
    opened = _opentsne()
    with _quiet():
        affinities = _affinities(opened, known.features, known.perplexity, known.seed)
        # openTSNE moves the old points to the centre, where these are, and does so in place
        old = opened.TSNEEmbedding(
            known.points.copy(),
            affinities,
            negative_gradient_method="bh",
            n_jobs=1,
            random_state=known.seed,
        )
        near = min(_NEW_PERPLEXITY, (len(known.points) - 1) / 3)
        return np.asarray(old.transform(features, perplexity=near), dtype=float)


def _affinities(opened: Any, features: np.ndarray, perplexity: float, seed: int) -> Any:
    return opened.affinity.PerplexityBasedNN(
        features,
        perplexity=perplexity,
        method="exact" if len(features) <= _EXACT else "annoy",
        n_jobs=1,
        random_state=seed,
    )


def _opentsne() -> Any:
    try:
        import openTSNE
        import openTSNE.affinity
        import openTSNE.initialization
    except ImportError as error:
        raise MissingPackageError(
            "t-SNE needs openTSNE", got=error, expected="the package openTSNE, installed"
        ) from error
    return openTSNE


def _umap(features: np.ndarray, neighbours: float, seed: int) -> Any:
    try:
        with _quiet():
            import umap
    except ImportError as error:
        raise MissingPackageError(
            "UMAP needs umap-learn",
            got=error,
            expected="the package umap-learn, installed",
            hint='pip install "kinetoscope[umap]"',
        ) from error
    with _quiet():
        model: Any = umap.UMAP(
            n_neighbors=round(neighbours), init="pca", random_state=seed, n_jobs=1
        )
        return model.fit(features)


def _quiet() -> Any:
    """Where the libraries warn of what is chosen so on purpose, or of themselves."""
    return warnings.catch_warnings(action="ignore")
