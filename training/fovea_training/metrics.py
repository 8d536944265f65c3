"""Discrimination and calibration with intervals, by the rules of `src/statistics`: the same figures under the same names
as `fovea evaluate`, down to the draws of the bootstrap. `test/fixtures/statistics` holds both sides to it.

Proportions (accuracy, sensitivity, specificity, shares) get Wilson's interval over images; everything else a bootstrap
that draws whole patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

Z = 1.959963984540054
BINS = 15
CLIP = 1e-4


def tie_groups(score: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(distinct scores ascending, images, positives): the order among equal scores has no influence on any figure."""
    values, inverse = np.unique(score, return_inverse=True)
    n = np.bincount(inverse, minlength=len(values)).astype(np.float64)
    positives = np.bincount(inverse, label.astype(np.float64), minlength=len(values))
    return values, n, positives


def auroc(score: np.ndarray, label: np.ndarray) -> float:
    """Area under the ROC curve; ties count half. NaN without both classes."""
    _, n, positives = tie_groups(score, label)
    negatives = n - positives
    below = np.cumsum(negatives) - negatives
    total = positives.sum() * negatives.sum()
    return float((positives * (below + negatives / 2)).sum() / total) if total else math.nan


def auprc(score: np.ndarray, label: np.ndarray) -> float:
    """Average precision, equal scores at once. NaN without positives."""
    _, n, positives = (a[::-1] for a in tie_groups(score, label))
    total = positives.sum()
    return float((positives / total * np.cumsum(positives) / np.cumsum(n)).sum()) if total else math.nan


def _bins(p: np.ndarray, label: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Equal-mass bins by ascending probability: (positives less summed probability, summed p (1 − p)) of each. A cut group
    of equal probabilities gives each side its share, so the order of the rows plays no part."""
    value, n, positives = tie_groups(p, label)
    mass = np.concatenate([[0], np.cumsum(n)])
    edges = np.linspace(0, len(p), min(bins, len(p)) + 1)
    within = lambda amounts: np.diff(np.interp(edges, mass, np.concatenate([[0], np.cumsum(amounts)])))
    return within(positives - n * value), within(n * value * (1 - value))


def ece(p: np.ndarray, label: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error: mean over equal-mass bins of |share of positives − mean probability|."""
    gap, _ = _bins(p, label, bins)
    return float(np.abs(gap).sum() / len(p)) if len(p) else math.nan


def ece_debiased(p: np.ndarray, label: np.ndarray, bins: int = BINS) -> float:
    """ECE less what a perfect calibration scores on average at this n (normal approximation, Bröcker 2012), not below 0."""
    gap, variance = _bins(p, label, bins)
    return float(max(0.0, (np.abs(gap) - np.sqrt(2 * np.maximum(variance, 0) / np.pi)).sum() / len(p))) if len(p) else math.nan


def brier(p: np.ndarray, label: np.ndarray) -> float:
    """Mean squared error of the probability."""
    return float(np.mean((p - label.astype(np.float64)) ** 2))


def recalibration(p: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of label on logit p (p clipped to [1e-4, 1 − 1e-4]) by Newton's method; 1 and 0 are perfect.
    NaN where there is no finite fit."""
    none = (math.nan, math.nan)
    value, n, positives = tie_groups(p, label)
    clipped = np.clip(value, CLIP, 1 - CLIP)
    x = np.log(clipped / (1 - clipped))
    if not len(x) or x[0] == x[-1]:
        return none
    intercept = slope = 0.0
    for _ in range(50):
        with np.errstate(over="ignore"):
            q = 1 / (1 + np.exp(-intercept - slope * x))
        residual, weight = positives - n * q, n * q * (1 - q)
        g0, g1 = residual.sum(), (residual * x).sum()
        h00, h01, h11 = weight.sum(), (weight * x).sum(), (weight * x * x).sum()
        determinant = h00 * h11 - h01 * h01
        if not determinant > 0:
            return none
        step0, step1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        intercept, slope = intercept + step0, slope + step1
        if abs(step0) + abs(step1) < 1e-9:
            return float(slope), float(intercept)
    return none


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a proportion; (0, 1) when n = 0."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = share + Z * Z / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return (0.0 if successes == 0 else (centre - half) / scale, 1.0 if successes == n else (centre + half) / scale)


def reliability(p: np.ndarray, label: np.ndarray, bins: int) -> list[dict]:
    """A table of equal-mass bins by ascending probability: mean probability, share of positives with Wilson's interval, n.
    Equal probabilities stay together, so a bin may be larger than its share and there may be fewer bins."""
    values, n, positives = tie_groups(p, label)
    cut = np.minimum(np.floor((np.cumsum(n) - n / 2) / len(p) * bins), bins - 1).astype(int)
    rows = []
    for one in np.unique(cut):
        at = cut == one
        count, hits = int(n[at].sum()), int(positives[at].sum())
        low, high = wilson(hits, count)
        rows.append(
            {
                "predicted": round(float((values[at] * n[at]).sum() / count), 5),
                "observed": round(hits / count, 5),
                "interval": [round(low, 5), round(high, 5)],
                "n": count,
            }
        )
    return rows


def _sfc32(seed: int):
    """The generator of src/statistics/random.ts: 32-bit words, the same stream for the same seed."""
    word = 0xFFFFFFFF

    def mix(value: int) -> int:
        h = (value + 0x9E3779B9) & word
        h = ((h ^ (h >> 16)) * 0x85EBCA6B) & word
        h = ((h ^ (h >> 13)) * 0xC2B2AE35) & word
        return h ^ (h >> 16)

    a = mix(seed)
    b = mix(a)
    c = mix(b)
    counter = 1
    skipped = 0
    while True:
        total = (a + b + counter) & word
        counter = (counter + 1) & word
        a = b ^ (b >> 9)
        b = (c + (c << 3)) & word
        c = (((c << 21) | (c >> 11)) + total) & word
        if skipped < 12:
            skipped += 1
            continue
        yield total


@lru_cache(maxsize=8)
def _times(patients: int, draws: int, seed: int) -> np.ndarray:
    """[draws, patients] how often each patient is drawn."""
    words = _sfc32(seed)
    flat = np.fromiter((next(words) for _ in range(draws * patients)), dtype=np.float64, count=draws * patients)
    chosen = np.floor(flat / 2**32 * patients).astype(np.int64).reshape(draws, patients)
    return np.stack([np.bincount(row, minlength=patients) for row in chosen])


def bootstrap(
    statistic: Callable[[np.ndarray], float], patients: np.ndarray, draws: int = 2000, seed: int = 1
) -> tuple[float, float]:
    """95 % percentile interval; whole patients are drawn with replacement. `statistic` takes row indices; a draw on which
    it is NaN is left out."""
    _, first, inverse = np.unique(patients, return_index=True, return_inverse=True)
    number = np.empty(len(first), dtype=np.int64)
    number[np.argsort(first)] = np.arange(len(first))  # in order of first appearance
    own, rows = number[inverse], np.arange(len(patients))
    values = [statistic(np.repeat(rows, times[own])) for times in _times(len(first), draws, seed)]
    values = [v for v in values if not math.isnan(v)]
    if not values:
        return math.nan, math.nan
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def figure(value: float, interval: tuple[float, float], n: int) -> dict:
    """A number as the package's files write it."""
    return {"value": round(value, 5), "interval": [round(interval[0], 5), round(interval[1], 5)], "n": n}


def share(mask: np.ndarray) -> dict:
    """A proportion of images with Wilson's interval."""
    hits = int(np.sum(mask))
    return figure(hits / len(mask), wilson(hits, len(mask)), len(mask))


def rates(p: np.ndarray, label: np.ndarray, threshold: float) -> dict:
    """Sensitivity and specificity of p >= threshold."""
    said = p >= threshold
    return {"sensitivity": share(said[label == 1]), "specificity": share(~said[label == 0])}


def describe(
    p: np.ndarray, score: np.ndarray, label: np.ndarray, patients: np.ndarray, threshold: float = 0.5, draws: int = 2000
) -> dict:
    """Every figure of one finding on one set. `score` ranks (the logit), `p` is the calibrated probability."""
    rows = np.arange(len(p))
    statistics: dict[str, Callable[[np.ndarray], float]] = {
        "auroc": lambda r: auroc(score[r], label[r]),
        "auprc": lambda r: auprc(score[r], label[r]),
        "ece": lambda r: ece(p[r], label[r]),
        "eceDebiased": lambda r: ece_debiased(p[r], label[r]),
        "brier": lambda r: brier(p[r], label[r]),
        "slope": lambda r: recalibration(p[r], label[r])[0],
        "intercept": lambda r: recalibration(p[r], label[r])[1],
    }
    found = {name: figure(f(rows), bootstrap(f, patients, draws), len(p)) for name, f in statistics.items()}
    found = {**found, "accuracy": share((p >= threshold) == (label == 1)), **rates(p, label, threshold)}
    order = ("auroc", "auprc", "accuracy", "sensitivity", "specificity", "ece", "eceDebiased", "brier", "slope", "intercept")
    return {name: found[name] for name in order}
