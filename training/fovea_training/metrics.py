"""Discrimination and calibration with intervals; every interval is a bootstrap by patient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata


def auroc(score: np.ndarray, label: np.ndarray) -> float:
    """Area under the ROC curve; ties count half. NaN without both classes."""
    positives = int(label.sum())
    negatives = len(label) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[label == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auprc(score: np.ndarray, label: np.ndarray) -> float:
    """Average precision."""
    order = np.argsort(-score, kind="stable")
    hits = label[order].astype(np.float64)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precision * hits).sum() / hits.sum()) if hits.sum() else float("nan")


def ece(p: np.ndarray, label: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass (sorted by p, cut into `bins` runs of nearly equal length)."""
    order = np.argsort(p, kind="stable")
    total = 0.0
    for part in np.array_split(order, bins):
        if len(part):
            total += abs(p[part].mean() - label[part].mean()) * len(part)
    return float(total / len(p))


def ece_debiased(p: np.ndarray, label: np.ndarray, bins: int = 15, draws: int = 200, seed: int = 1) -> float:
    """ECE less the ECE that labels drawn from p itself have on average (what a perfect calibration scores at this n);
    not below 0."""
    rng = np.random.default_rng(seed)
    chance = np.mean([ece(p, (rng.random(len(p)) < p).astype(float), bins) for _ in range(draws)])
    return float(max(0.0, ece(p, label, bins) - chance))


def brier(p: np.ndarray, label: np.ndarray) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((p - label) ** 2))


def recalibration(p: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of label on logit p (p clipped to [1e-4, 1 − 1e-4]); 1 and 0 are perfect."""
    z = np.log(np.clip(p, 1e-4, 1 - 1e-4)) - np.log1p(-np.clip(p, 1e-4, 1 - 1e-4))

    def loss(w: np.ndarray) -> float:
        t = w[0] * z + w[1]
        return float(np.mean(np.logaddexp(0, t) - label * t))

    best = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return float(best[0]), float(best[1])


def bootstrap(
    statistic: Callable[[np.ndarray], float], patients: np.ndarray, draws: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """95 % percentile interval; whole patients are drawn with replacement. `statistic` takes row indices."""
    rng = np.random.default_rng(seed)
    _, inverse = np.unique(patients, return_inverse=True)
    groups = [np.flatnonzero(inverse == g) for g in range(inverse.max() + 1)]
    values = []
    for _ in range(draws):
        rows = np.concatenate([groups[g] for g in rng.integers(0, len(groups), len(groups))])
        value = statistic(rows)
        if np.isfinite(value):
            values.append(value)
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def figure(value: float, interval: tuple[float, float], n: int) -> dict:
    """A number as the package's files write it."""
    return {"value": round(value, 5), "interval": [round(interval[0], 5), round(interval[1], 5)], "n": n}


def describe(p: np.ndarray, score: np.ndarray, label: np.ndarray, patients: np.ndarray, threshold: float = 0.5) -> dict:
    """Every figure of one finding on one set. `score` ranks (the logit), `p` is the calibrated probability."""
    said = p >= threshold

    def over(kind: str) -> Callable[[np.ndarray], float]:
        def value(rows: np.ndarray) -> float:
            y, s = label[rows], said[rows]
            if kind == "accuracy":
                return float((s == y).mean())
            mask = y == (1 if kind == "sensitivity" else 0)
            return float((s[mask] == y[mask]).mean()) if mask.any() else float("nan")

        return value

    rows = np.arange(len(p))
    statistics: dict[str, tuple[Callable[[np.ndarray], float], int]] = {
        "auroc": (lambda r: auroc(score[r], label[r]), 1000),
        "auprc": (lambda r: auprc(score[r], label[r]), 500),
        "accuracy": (over("accuracy"), 1000),
        "sensitivity": (over("sensitivity"), 1000),
        "specificity": (over("specificity"), 1000),
        "ece": (lambda r: ece(p[r], label[r]), 1000),
        "eceDebiased": (lambda r: ece_debiased(p[r], label[r], draws=20), 200),
        "brier": (lambda r: brier(p[r], label[r]), 1000),
        "slope": (lambda r: recalibration(p[r], label[r])[0], 100),
        "intercept": (lambda r: recalibration(p[r], label[r])[1], 100),
    }
    counts = {"sensitivity": int(label.sum()), "specificity": int((1 - label).sum())}
    return {
        name: figure(f(rows), bootstrap(f, patients, draws), counts.get(name, len(p)))
        for name, (f, draws) in statistics.items()
    }
