"""Is the image like those the network learnt from? Feature detectors, confidence, and plain image quality.

Detectors are fitted on the training split, as it is and as another department might have sent it (`augment.elsewhere`),
so that framing, exposure and compression are no reason to refuse. Their thresholds are set on `calib`, unchanged and
changed. No detector holds a patient's features: only means, directions and covariances. `neighbours` alone holds held-out cases,
as `rank` coordinates each, so that a result can be set beside the cases that are nearest to it; a package may leave it out.
"""

from __future__ import annotations

import numpy as np

from .calibration import base64_of, from_base64

# where a contrast's centre lies, on the far side of the usual pictures, in distances between the two means
BEYOND = 0.5


def _mahalanobis(name: str, mean: np.ndarray, basis: np.ndarray, centres: dict[str, np.ndarray], precision: np.ndarray) -> dict:
    return {
        "kind": "mahalanobis",
        "name": name,
        "dimension": basis.shape[1],
        "rank": len(basis),
        "meanF32": base64_of(mean, "<f4"),
        "projectionF32": base64_of(basis, "<f4"),
        "classes": [{"name": n, "centreF32": base64_of(c, "<f4")} for n, c in centres.items()],
        "precisionF32": base64_of(precision, "<f4"),
    }


def distance(name: str, features: np.ndarray, labels: np.ndarray, basis: np.ndarray, classes: list[str], ridge: float) -> dict:
    """A Mahalanobis detector in the coordinates of `basis` (rows, any scale); `ridge` times the mean variance is added
    to every direction, so that none that the fit hardly saw decides alone."""
    mean = features.mean(0)
    z = (features - mean) @ basis.T
    centres = {n: z[labels == i].mean(0) for i, n in enumerate(classes)}
    within = np.concatenate([z[labels == i] - c for i, c in enumerate(centres.values())])
    covariance = np.cov(within.T)
    covariance = covariance + np.eye(len(basis)) * ridge * np.trace(covariance) / len(basis)
    return _mahalanobis(name, mean, basis, centres, np.linalg.inv(covariance))


def contrast(name: str, usual: np.ndarray, other: np.ndarray, columns: np.ndarray, ridge: float) -> dict:
    """Tells one kind of wrong picture: rank 1, along Fisher's direction from the usual pictures to the others in
    `columns`, the distance between the two means being 1. The one centre lies `BEYOND` of it on the far side of the usual
    pictures: what is refused is like the others, and on the far side only what is as far out as they are."""
    a, b = usual[:, columns], other[:, columns]
    spread = a.std(0) + 1e-9
    within = (np.cov((a / spread).T) * len(a) + np.cov((b / spread).T) * len(b)) / (len(a) + len(b))
    step = (b.mean(0) - a.mean(0)) / spread
    weight = np.linalg.solve(within + np.eye(len(columns)) * ridge, step)
    basis = np.zeros((1, usual.shape[1]))
    basis[0, columns] = weight / (weight @ step) / spread
    return _mahalanobis(name, usual.mean(0), basis, {"usual": np.array([-BEYOND])}, np.ones((1, 1)))


def _principal(features: np.ndarray, rank: int) -> np.ndarray:
    centred = features - features.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return vectors[:, ::-1][:, :rank].T


def fit(
    features: np.ndarray, changed: np.ndarray, labels: np.ndarray, wrong: dict[str, np.ndarray], settings: dict
) -> list[dict]:
    """Detectors without thresholds, from the training images' features. `changed` are those of the same images as another
    department might have sent them, `wrong` those of what `augment.WRONG` makes of both, by name of the detector (so that a
    contrast is of that alone); `labels` are the classes of the Mahalanobis centres."""
    features, changed = features.astype(np.float64), changed.astype(np.float64)
    network, classes, ridge = settings["networkDimension"], settings["classes"], settings["ridge"]
    both, twice = np.concatenate([features, changed]), np.concatenate([labels, labels])
    seen = np.zeros((settings["rank"], features.shape[1]))
    seen[:, :network] = _principal(features[:, :network], settings["rank"])
    # the coarse picture and the early channels have units of their own: each block in its own spread
    gates = np.zeros((features.shape[1] - network, features.shape[1]))
    own = features[:, network:].std(0)
    for group in np.array_split(np.arange(len(own)), [settings["layoutDimension"]]):
        if len(group):
            gates[group, network + group] = 1 / max(own[group].mean(), 1e-9)
    columns = {"gates": np.arange(network, features.shape[1]), "all": np.arange(features.shape[1])}
    return [
        distance("network", both, twice, seen, classes, ridge),
        distance("gates", both, twice, gates, classes, ridge),
        *(
            contrast(name, both, other.astype(np.float64), columns[settings["contrasts"][name]["on"]], settings["contrasts"][name]["ridge"])
            for name, other in wrong.items()
        ),
        {"kind": "confidence", "name": "confidence"},
    ]


def score(detector: dict, features: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Larger is stranger; one value an image."""
    if detector["kind"] == "confidence":
        p = 1 / (1 + np.exp(-logits.astype(np.float64)))
        return -np.maximum(p, 1 - p).max(1)
    mean = from_base64(detector["meanF32"], "<f4").astype(np.float64)
    basis = from_base64(detector["projectionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    z = (features.astype(np.float64) - mean) @ basis.T
    precision = from_base64(detector["precisionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    distances = []
    for entry in detector["classes"]:
        d = z - from_base64(entry["centreF32"], "<f4")
        distances.append(np.einsum("ij,jk,ik->i", d, precision, d))
    return np.min(distances, axis=0)


def neighbours(detector: dict, features: np.ndarray, labels: dict[str, np.ndarray]) -> dict:
    """Held-out cases in the coordinates of a Mahalanobis detector, which are what it measures distances in; `labels` by
    finding. `median` is the median distance between two of them, the unit in which a distance is told."""
    mean = from_base64(detector["meanF32"], "<f4").astype(np.float64)
    basis = from_base64(detector["projectionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    precision = from_base64(detector["precisionF32"], "<f4").reshape(detector["rank"], -1).astype(np.float64)
    z = ((features.astype(np.float64) - mean) @ basis.T).astype(np.float32).astype(np.float64)
    between = [np.sqrt(np.maximum(0, np.einsum("ij,jk,ik->i", d, precision, d))) for d in (z[i + 1 :] - z[i] for i in range(len(z) - 1))]
    return {
        "detector": detector["name"],
        "n": len(z),
        "valuesF32": base64_of(z, "<f4"),
        "labelsU8": {name: base64_of(label, "u1") for name, label in labels.items()},
        "median": float(f"{np.median(np.concatenate(between)):.7g}"),
    }


def set_thresholds(
    detectors: list[dict],
    clean: tuple[np.ndarray, np.ndarray],
    changed: list[tuple[np.ndarray, np.ndarray]],
    false_alarm: dict[str, float],
    refused: dict[str, float],
) -> None:
    """Thresholds on held-out images, each entry (features, logits): the lowest at which at most the `false_alarm` share of
    the unchanged images and, under each mild change, at most the share `refused` of its images lies above. Held-out images of one
    hospital alone say nothing of the next one's exposure and framing. Confidence is about the classes, not about the
    picture, and is set on the unchanged ones. `falseAlarm` is what is left above on them."""
    for detector in detectors:
        values = score(detector, *clean)
        threshold = float(np.quantile(values, 1 - false_alarm[detector["name"]]))
        if detector["kind"] != "confidence":
            threshold = max([threshold, *(float(np.quantile(score(detector, *c), 1 - refused[detector["name"]])) for c in changed)])
        detector["threshold"] = float(f"{threshold:.7g}")
        detector["falseAlarm"] = round(float((values > detector["threshold"]).mean()), 5)


def names(detectors: list[dict]) -> list[str]:
    """A name for each."""
    return [d["name"] for d in detectors]


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


def _logit(top: float):
    clip = lambda x: np.clip(np.asarray(x, dtype=np.float64) / top, 1e-4, 1 - 1e-4)
    return lambda x: np.log(clip(x) / (1 - clip(x))), lambda t: top / (1 + np.exp(-t))


_log = (lambda x: np.log(np.maximum(x, 1e-3)), np.exp)

# name -> (to a scale without ends, back): on the measure's own scale a margin runs past what a picture can have
SCALES = {
    "standard-deviation": _log,
    "mean": _logit(255.0),
    "saturated": _logit(1.0),
    "gradient": _log,
    "mirror-correlation": (lambda x: np.arctanh(np.clip(x, -0.9999, 0.9999)), np.tanh),
}


def quality_limits(measured: list[dict[str, float]], margin: float) -> list[dict]:
    """Limits around `measured` (training images, unchanged and as another department might send them): their .1 and 99.9
    percentiles, each moved out by `margin` times its own distance from the median, on the measure's scale."""
    limits = []
    for name, (scaled, back) in SCALES.items():
        low, middle, high = np.percentile(scaled(np.array([m[name] for m in measured])), [0.1, 50, 99.9])
        ends = (back(low - margin * (middle - low)), back(high + margin * (high - middle)))
        limits.append({"name": name, **dict(zip(("minimum", "maximum"), (round(float(e), 4) for e in ends)))})
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
