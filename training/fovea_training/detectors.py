"""Is the image like those the network learnt from? Feature detectors, confidence, and plain image quality.

Detectors are fitted on the training split and their thresholds set on held-out patients. Prototypes are centroids
of clusters, never one patient's features.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from .calibration import base64_of, from_base64


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _project(features: np.ndarray, labels: np.ndarray, basis: np.ndarray, classes: list[str], ridge: float) -> dict:
    """A Mahalanobis detector in the coordinates of `basis` (rows, any scale); `ridge` times the mean variance is added
    to every direction, so that none that the fit hardly saw decides alone."""
    mean = features.mean(0)
    z = (features - mean) @ basis.T
    centres = {name: z[labels == i].mean(0) for i, name in enumerate(classes)}
    within = np.concatenate([z[labels == i] - c for i, c in enumerate(centres.values())])
    covariance = np.cov(within.T)
    covariance = covariance + np.eye(len(basis)) * ridge * np.trace(covariance) / len(basis)
    return {
        "kind": "mahalanobis",
        "dimension": features.shape[1],
        "rank": len(basis),
        "meanF32": base64_of(mean, "<f4"),
        "projectionF32": base64_of(basis, "<f4"),
        "classes": [{"name": n, "centreF32": base64_of(c, "<f4")} for n, c in centres.items()],
        "precisionF32": base64_of(np.linalg.inv(covariance), "<f4"),
    }


def _principal(features: np.ndarray, rank: int) -> np.ndarray:
    centred = features - features.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return vectors[:, ::-1][:, :rank].T


def fit(
    features: np.ndarray, labels: np.ndarray, settings: dict, seed: int, changed: np.ndarray | None = None
) -> list[dict]:
    """Detectors without thresholds. `labels` are the classes of the Mahalanobis centres; `changed` are features of
    the same images under mild augmentation, which the gate features' own detector is to take for granted."""
    features = features.astype(np.float64)
    network, classes = settings["networkDimension"], settings["classes"]
    clusters = KMeans(settings["prototypes"], n_init=1, max_iter=30, random_state=seed).fit(unit(features))
    mean = features.mean(0)
    seen = np.zeros((settings["rank"], features.shape[1]))
    seen[:, :network] = _principal(features[:, :network], settings["rank"])
    both = features if changed is None else np.concatenate([features, changed.astype(np.float64)])
    twice = labels if changed is None else np.concatenate([labels, labels])
    gates = np.zeros((features.shape[1] - network, features.shape[1]))
    own = features[:, network:].std(0)
    for group in np.array_split(np.arange(len(own)), [settings["layoutDimension"]]):
        if len(group):
            gates[group, network + group] = 1 / max(own[group].mean(), 1e-9)
    basis = _principal(features, settings["rank"])
    return [
        {
            "kind": "knn-cosine",
            "k": settings["k"],
            "dimension": features.shape[1],
            "count": settings["prototypes"],
            "prototypesF32": base64_of(unit(clusters.cluster_centers_), "<f4"),
        },
        _project(features, labels, seen, classes, settings["ridge"]),
        _project(both, twice, gates, classes, settings["ridge"]),
        {
            "kind": "residual",
            "dimension": features.shape[1],
            "rank": settings["rank"],
            "meanF32": base64_of(mean, "<f4"),
            "projectionF32": base64_of(basis, "<f4"),
        },
        {"kind": "confidence"},
    ]


def score(detector: dict, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Larger is stranger; one value an image."""
    kind = detector["kind"]
    if kind == "confidence":
        p = 1 / (1 + np.exp(-logits.astype(np.float64)))
        return -np.maximum(p, 1 - p).max(1)
    f = features.astype(np.float64)
    if kind == "knn-cosine":
        prototypes = from_base64(detector["prototypesF32"], "<f4").reshape(detector["count"], detector["dimension"])
        cosines = np.sort(unit(f) @ prototypes.T.astype(np.float64), axis=1)
        return 1 - cosines[:, -detector["k"] :].mean(1)
    mean = from_base64(detector["meanF32"], "<f4").astype(np.float64)
    basis = from_base64(detector["projectionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    z = (f - mean) @ basis.T
    if kind == "residual":
        return np.linalg.norm((f - mean) - z @ basis, axis=1)
    precision = from_base64(detector["precisionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    distances = []
    for entry in detector["classes"]:
        d = z - from_base64(entry["centreF32"], "<f4")
        distances.append(np.einsum("ij,jk,ik->i", d, precision, d))
    return np.min(distances, axis=0)


def set_thresholds(
    detectors: list[dict], features: np.ndarray, logits: np.ndarray, false_alarm: dict[str, float], margin: float = 1.0
) -> None:
    """Thresholds on held-out images: the highest `false_alarm` share lies above; those of the feature detectors are then
    multiplied by `margin`, because held-out images of one hospital say nothing of the next one's exposure and framing,
    and what is no chest lies far beyond. `falseAlarm` is what is left above after that."""
    for name, detector in zip(names(detectors), detectors):
        values = score(detector, features, logits)
        share = false_alarm[name]
        threshold = float(np.quantile(values, 1 - share))
        factor = 1.0 if detector["kind"] == "confidence" else margin
        detector["threshold"] = float(f"{threshold * factor:.7g}")
        detector["falseAlarm"] = round(float((values > detector["threshold"]).mean()), 5)


def names(detectors: list[dict]) -> list[str]:
    """A name for each: its kind, with what it looks at where two are of one kind."""
    kinds = [d["kind"] for d in detectors]
    looks = iter(("network", "gates"))
    return [f"{k}, {next(looks)}" if kinds.count(k) > 1 else k for k in kinds]


def alarms(detectors: list[dict], features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """[n, detectors] of score > threshold."""
    return np.stack([score(d, features, logits) > d["threshold"] for d in detectors], axis=1)


def quality(image: np.ndarray) -> dict[str, float]:
    """The quality measures of one resized, stretched image in [0, 255]."""
    x = image.astype(np.float64)
    mirrored = x[:, ::-1]
    deviation = x.std()
    centred = x - x.mean()
    return {
        "standard-deviation": float(deviation),
        "mean": float(x.mean()),
        "saturated": float(((x <= 0.5) | (x >= 254.5)).mean()),
        "gradient": float(np.abs(np.diff(x, axis=1)).mean()),
        "mirror-correlation": float((centred * (mirrored - x.mean())).mean() / deviation**2) if deviation > 0 else 0.0,
    }


# name -> (lowest, highest) that any image can have
RANGES = {
    "standard-deviation": (0.0, 128.0),
    "mean": (0.0, 255.0),
    "saturated": (0.0, 1.0),
    "gradient": (0.0, 255.0),
    "mirror-correlation": (-1.0, 1.0),
}


def quality_limits(images: np.ndarray, margin: float) -> list[dict]:
    """Limits wide around the training images: their .1 and 99.9 percentiles, moved out by `margin` times the range
    between them and kept within what is possible."""
    table = [quality(i) for i in images]
    limits = []
    for name, (lowest, highest) in RANGES.items():
        low, high = np.percentile([t[name] for t in table], [0.1, 99.9])
        room = margin * (high - low)
        limits.append(
            {
                "name": name,
                "minimum": round(max(lowest, float(low - room)), 4),
                "maximum": round(min(highest, float(high + room)), 4),
            }
        )
    return limits


def poor_quality(image: np.ndarray, limits: list[dict]) -> list[str]:
    """Names of the limits that the image breaks."""
    measured = quality(image)
    return [entry["name"] for entry in limits if not entry["minimum"] <= measured[entry["name"]] <= entry["maximum"]]


def histogram(values: np.ndarray, edges: np.ndarray) -> dict:
    """Counts for drift; values outside the edges fall into the first or the last bin."""
    edges = np.round(edges, 4)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
