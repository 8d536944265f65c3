"""The `input` rules of a model package, from decoded stored values to the input tensor.

This is the reference of those rules; src/inference holds them in TypeScript and test/fixtures/preprocessing
holds both together to 1e-3. Everything is float64 until the last step, so that neither side depends on how
a library rounds. Written for clearness, not for speed: `area_weights` is cached because training calls it often.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class LookupTable:
    """A modality or VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1): entry i is the output for the input first + i."""

    first: int
    bits: int
    entries: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Inputs below or above the table take its first or last entry; fractions are rounded half up."""
        index = np.floor(values + 0.5).astype(np.int64) - self.first
        return self.entries.astype(np.float64)[np.clip(index, 0, len(self.entries) - 1)]


@dataclass(frozen=True)
class Window:
    """A VOI window (PS3.3 C.11.2.1.2, C.11.2.1.3)."""

    centre: float
    width: float
    function: str = "LINEAR"

    @property
    def usable(self) -> bool:
        """LINEAR needs a width of at least 1, the others one above 0; a header that breaks this is not applied."""
        return self.width >= 1 if self.function == "LINEAR" else self.width > 0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Maps to [0, 255]."""
        c, w = self.centre, self.width
        if self.function == "SIGMOID":
            with np.errstate(over="ignore"):
                return 255.0 / (1.0 + np.exp(-4.0 * (x - c) / w))
        if self.function == "LINEAR_EXACT":
            return np.clip(((x - c) / w + 0.5) * 255.0, 0.0, 255.0)
        if w == 1:
            return np.where(x <= c - 0.5, 0.0, 255.0)
        return np.clip(((x - (c - 0.5)) / (w - 1.0) + 0.5) * 255.0, 0.0, 255.0)


@dataclass(frozen=True)
class Grey:
    """What the header says about how stored values become grey."""

    photometric: str = "MONOCHROME2"
    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: LookupTable | None = None
    voi_lut: LookupTable | None = None
    window: Window | None = None
    padding: tuple[int, int] | None = field(default=None)


def to_grey(stored: np.ndarray, grey: Grey) -> np.ndarray:
    """Stored values to [0, 255] (float64), black = 0.

    Modality LUT (else rescale), then the first VOI LUT, else the first usable window, else minimum to maximum.
    Pixels whose stored value lies in the padding range are left out of minimum and maximum and become black.
    """
    values = stored.astype(np.float64)
    padded = np.zeros(stored.shape, dtype=bool)
    if grey.padding is not None:
        low, high = min(grey.padding), max(grey.padding)
        padded = (stored >= low) & (stored <= high)
    values = grey.modality_lut(values) if grey.modality_lut else values * grey.slope + grey.intercept
    if grey.voi_lut is not None:
        out = grey.voi_lut(values) * (255.0 / (2**grey.voi_lut.bits - 1))
    elif grey.window is not None and grey.window.usable:
        out = grey.window(values)
    else:
        inside = values[~padded]
        low, high = (inside.min(), inside.max()) if inside.size else (0.0, 0.0)
        out = np.clip((values - low) * (255.0 / (high - low)), 0.0, 255.0) if high > low else np.zeros(values.shape)
    if grey.photometric == "MONOCHROME1":
        out = 255.0 - out
    out[padded] = 0.0
    return out


@lru_cache(maxsize=256)
def area_weights(source: int, target: int) -> np.ndarray:
    """Rows of exact box overlaps: target pixel i averages the source interval [i, i + 1) · source / target."""
    weights = np.zeros((target, source))
    for i in range(target):
        low, high = i * source / target, (i + 1) * source / target
        for j in range(int(low), min(source, int(np.ceil(high)))):
            weights[i, j] = max(0.0, min(high, j + 1) - max(low, j))
    return weights / weights.sum(axis=1, keepdims=True)


def resize(image: np.ndarray, rows: int, columns: int, aspect: str = "squash") -> np.ndarray:
    """Exact area averaging with fractional overlaps; `pad` centres the image in a black square first."""
    image = image.astype(np.float64)
    if aspect == "pad" and image.shape[0] != image.shape[1]:
        side = max(image.shape)
        square = np.zeros((side, side))
        top, left = (side - image.shape[0]) // 2, (side - image.shape[1]) // 2
        square[top : top + image.shape[0], left : left + image.shape[1]] = image
        image = square
    if image.shape == (rows, columns):
        return image
    return area_weights(image.shape[0], rows) @ image @ area_weights(image.shape[1], columns).T


def stretch(image: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """Percentiles (linear interpolation between order statistics) to 0 and 255, clipped; a flat image becomes 0."""
    low, high = np.percentile(image, [lower, upper])
    if not high > low:
        return np.zeros(image.shape)
    return np.clip((image - low) * (255.0 / (high - low)), 0.0, 255.0)


def prepare(grey: np.ndarray, rules: dict) -> np.ndarray:
    """[0, 255] grey of any size to the resized, stretched image in [0, 255] that the quality limits judge."""
    rows, columns = rules["shape"][2:]
    image = resize(grey, rows, columns, rules["resize"]["aspect"])
    limits = rules["intensity"]["stretch"]
    return stretch(image, limits["lower"], limits["upper"]) if limits else image


def to_tensor(prepared: np.ndarray, rules: dict) -> np.ndarray:
    """[0, 255] to the float32 tensor [1, 1, rows, columns]."""
    intensity = rules["intensity"]
    return ((prepared - intensity["offset"]) / intensity["scale"]).astype(np.float32)[None, None]
