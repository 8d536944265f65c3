"""Inductive Venn-ABERS, operating points and conformal scores, on patients that training never saw."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from . import metrics


def base64_of(values: np.ndarray, kind: str) -> str:
    """Little-endian base64; `kind` is a numpy type such as '<f8'."""
    return base64.b64encode(np.ascontiguousarray(values.astype(kind)).tobytes()).decode()


def from_base64(text: str, kind: str) -> np.ndarray:
    """The inverse of `base64_of`."""
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def isotonic(score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pool adjacent violators: (distinct scores, fitted values). Equal scores are pooled first."""
    x, inverse = np.unique(score, return_inverse=True)
    weight = np.bincount(inverse).astype(np.float64)
    mean = np.bincount(inverse, label.astype(np.float64)) / weight
    value: list[float] = []
    mass: list[float] = []
    length: list[int] = []
    for m, w in zip(mean, weight):
        value.append(float(m))
        mass.append(float(w))
        length.append(1)
        while len(value) > 1 and value[-2] >= value[-1]:
            w2, w1 = mass.pop(), mass.pop()
            v2, v1 = value.pop(), value.pop()
            value.append((v1 * w1 + v2 * w2) / (w1 + w2))
            mass.append(w1 + w2)
            length.append(length.pop() + length.pop())
    return x, np.repeat(value, length)


@dataclass(frozen=True)
class VennAbers:
    """The calibration pairs. `p` and its interval are what two isotonic fits say, with the new score added once as
    absent (p0) and once as present (p1)."""

    logits: np.ndarray
    labels: np.ndarray

    def __call__(self, logit: float) -> tuple[float, float, float]:
        """(p, p0, p1)."""
        fitted = []
        for label in (0, 1):
            x, v = isotonic(np.append(self.logits, logit), np.append(self.labels, label))
            fitted.append(float(v[np.searchsorted(x, logit)]))
        p0, p1 = fitted
        return p1 / (1 - p0 + p1), p0, p1

    def many(self, logits: np.ndarray) -> np.ndarray:
        """Rows of (p, p0, p1)."""
        return np.array([self(float(z)) for z in logits]).reshape(-1, 3)


def out_of_patient(logits: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """p of each calibration image by the pairs of all other patients: what an operating point may be chosen on."""
    p = np.empty(len(logits))
    for patient in np.unique(patients):
        own = patients == patient
        p[own] = VennAbers(logits[~own], labels[~own]).many(logits[own])[:, 0]
    return p


def thresholds(p: np.ndarray, labels: np.ndarray, settings: dict) -> dict[str, float]:
    """Rule-out: the largest threshold (to .01, at most `ruleOutAtMost`) that keeps the sensitivity; rule-in: the smallest
    (at least `ruleInAtLeast`) that reaches the specificity. The bounds keep words and numbers together: on a set this
    separable the rates alone would call a probability of one half low."""
    grid = np.round(np.arange(0.02, 0.99, 0.01), 2)
    present, absent = p[labels == 1], p[labels == 0]
    least, most = settings["ruleInAtLeast"], settings["ruleOutAtMost"]
    out = max((t for t in grid if t <= most and (present >= t).mean() >= settings["ruleOutSensitivity"]), default=0.02)
    inside = min((t for t in grid if t >= least and (absent < t).mean() >= settings["ruleInSpecificity"]), default=0.98)
    return {"rule-out": float(out), "rule-in": float(inside)}


def operating_points(chosen: dict[str, float], p: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> list[dict]:
    """The thresholds with their rates on images that had no part in choosing them: `n` images of `patients` patients."""
    points = []
    for name, threshold in chosen.items():
        rates = metrics.rates(p, labels, threshold)
        for key, which in (("sensitivity", 1), ("specificity", 0)):
            rates[key]["patients"] = len(np.unique(patients[labels == which]))
        points.append({"name": name, "threshold": threshold, **rates})
    return points


def conformal_set(logit: float, present: np.ndarray, absent: np.ndarray, alpha: float) -> list[str]:
    """Labels whose share of at least as nonconforming calibration scores, own included, is above alpha."""
    kept = []
    for label, own, scores in (("present", -logit, present), ("absent", logit, absent)):
        if (1 + int((scores >= own).sum())) / (len(scores) + 1) > alpha:
            kept.append(label)
    return kept


@dataclass(frozen=True)
class Held:
    """Images of one split: logit, label and patient of each."""

    logits: np.ndarray
    labels: np.ndarray
    patients: np.ndarray


def calibrate(pairs: Held, measured: Held, name: str, settings: dict) -> dict:
    """One finding's entry in calibration.json: pairs, thresholds and conformal scores from `pairs`, the rates at the
    thresholds from `measured`, the split called `name`."""
    order = np.argsort(pairs.logits, kind="stable")
    logits, labels, patients = pairs.logits[order].astype(np.float64), pairs.labels[order], pairs.patients[order]
    chosen = thresholds(out_of_patient(logits, labels, patients), labels, settings)
    p = VennAbers(logits, labels).many(measured.logits)[:, 0]
    return {
        "method": "venn-abers",
        "n": len(logits),
        "patients": len(np.unique(patients)),
        "positives": int(labels.sum()),
        "prevalence": round(float(labels.mean()), 6),
        "logitsF64": base64_of(logits, "<f8"),
        "labelsU8": base64_of(labels, "u1"),
        "operatingPoints": operating_points(chosen, p, measured.labels, measured.patients),
        "measuredOn": {"set": name, "n": len(p), "patients": len(np.unique(measured.patients))},
        "conformal": {
            "alpha": settings["alpha"],
            "presentF64": base64_of(np.sort(-logits[labels == 1]), "<f8"),
            "absentF64": base64_of(np.sort(logits[labels == 0]), "<f8"),
        },
    }
