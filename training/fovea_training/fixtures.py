"""test/fixtures: what both sides must give.

`preprocessing`: tensors, to 1e-3, from decoded stored values on. `file-*.json` name a DICOM file of sandbox/data, with the
tensor beside them (`.f32`, little-endian float32); `array-*.json` carry a small array, its header rules and the tensor in
base64. `statistics`: rows and the figures of them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from . import dicom, metrics
from .build import write_json
from .calibration import base64_of
from .preprocessing import Grey, LookupTable, Window, prepare, to_grey, to_tensor


def _grey_json(grey: Grey) -> dict:
    table = lambda t: None if t is None else {"first": t.first, "bits": t.bits, "entriesU16": base64_of(t.entries, "<u2")}
    window = None if grey.window is None else {"centre": grey.window.centre, "width": grey.window.width, "function": grey.window.function}
    return {
        "photometric": grey.photometric,
        "slope": grey.slope,
        "intercept": grey.intercept,
        "modalityLut": table(grey.modality_lut),
        "voiLut": table(grey.voi_lut),
        "window": window,
        "padding": None if grey.padding is None else list(grey.padding),
    }


def _small(rules: dict, rows: int, columns: int, **intensity) -> dict:
    return {**rules, "shape": [1, 1, rows, columns], "intensity": {**rules["intensity"], **intensity}}


def arrays(rules: dict):
    """(name, what it shows, stored values, grey rules, input rules)."""
    rng = np.random.default_rng(20261124)
    ramp = np.add.outer(np.arange(37) * 3, np.arange(53) * 2)
    noise = rng.integers(-6, 7, (37, 53))
    signed = (ramp - 90 + noise).astype(np.int16)
    wide = (ramp * 15 + noise * 9 + 200).astype(np.uint16)
    byte = np.clip(ramp + noise, 0, 255).astype(np.uint8)
    curve = LookupTable(300, 12, np.round(4095 * np.linspace(0, 1, 2600) ** 0.6).astype(np.uint16))
    steps = LookupTable(-50, 16, (np.arange(200) ** 2 * 1.6).astype(np.uint16))
    yield "signed", "signed values, no window: minimum to maximum", signed, Grey(), _small(rules, 16, 16)
    yield "rescale", "slope and intercept before a LINEAR window", wide, Grey(slope=0.5, intercept=-100, window=Window(650, 900)), _small(rules, 16, 16)
    yield "window-narrow", "a LINEAR window that clips at both ends, no stretch", wide, Grey(window=Window(1800, 700)), _small(rules, 16, 16, stretch=None)
    yield "window-one", "a LINEAR window of width 1 is a threshold", byte, Grey(window=Window(100, 1)), _small(rules, 16, 16, stretch=None)
    yield "window-zero", "a width below 1 is not applied: minimum to maximum", byte, Grey(window=Window(100, 0)), _small(rules, 16, 16, stretch=None)
    yield "linear-exact", "LINEAR_EXACT with a width below 1 is applied", wide, Grey(slope=0.001, window=Window(1.6, 0.9, "LINEAR_EXACT")), _small(rules, 16, 16, stretch=None)
    yield "sigmoid", "SIGMOID", signed, Grey(window=Window(10, 80, "SIGMOID")), _small(rules, 16, 16, stretch=None)
    yield "voi-lut", "a VOI LUT goes before a window; values beyond the table take its ends", wide, Grey(voi_lut=curve, window=Window(1, 1)), _small(rules, 16, 16, stretch=None)
    yield "voi-lut-fraction", "rescaled fractions are rounded half up before the VOI LUT", wide, Grey(slope=0.25, intercept=300.5, voi_lut=curve), _small(rules, 16, 16)
    yield "modality-lut", "a modality LUT with a negative first value, then a window", signed, Grey(modality_lut=steps, window=Window(20000, 30000)), _small(rules, 16, 16)
    yield "padding", "padding is left out of minimum and maximum and is black", np.where(ramp < 40, 4000, wide).astype(np.uint16), Grey(padding=(4000, 4000)), _small(rules, 16, 16)
    yield "padding-range-inverted", "a padding range in MONOCHROME1 is black after the inversion", np.where(ramp < 40, -900, signed).astype(np.int16), Grey(photometric="MONOCHROME1", padding=(-800, -1000)), _small(rules, 16, 16)
    yield "monochrome1", "MONOCHROME1 is inverted after the window", wide, Grey(photometric="MONOCHROME1", window=Window(1500, 2400)), _small(rules, 16, 16)
    yield "pad", "aspect pad: a black square around the image", byte, Grey(), {**_small(rules, 16, 16, stretch=None), "resize": {"rule": "area", "aspect": "pad"}}
    yield "enlarge", "fewer pixels than the input: the same overlaps", byte[:9, :7], Grey(), _small(rules, 12, 16, stretch=None)
    yield "flat", "one grey value everywhere", np.full((20, 20), 7, np.uint8), Grey(), _small(rules, 16, 16)


def write(folder: Path, repository: Path, files: list[Path], rules: dict) -> None:
    """Replaces what is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.json"), *folder.glob("*.f32")]:
        old.unlink()
    for path in files:
        _, grey, stored = dicom.read(path)
        tensor = to_tensor(prepare(to_grey(stored, grey), rules), rules)
        name = f"file-{path.parent.name}-{path.stem}"
        (folder / f"{name}.f32").write_bytes(tensor.astype("<f4").tobytes())
        write_json(
            folder / f"{name}.json",
            {
                "schema": 1,
                "file": str(path.relative_to(repository)),
                "stored": {
                    "rows": stored.shape[0],
                    "columns": stored.shape[1],
                    "type": str(stored.dtype),
                    "minimum": int(stored.min()),
                    "maximum": int(stored.max()),
                    "sha256": hashlib.sha256(np.ascontiguousarray(stored).tobytes()).hexdigest(),
                },
                "grey": _grey_json(grey),
                "input": rules,
                "tensorFile": f"{name}.f32",
            },
        )
    for name, shows, stored, grey, own in arrays(rules):
        tensor = to_tensor(prepare(to_grey(stored, grey), own), own)
        write_json(
            folder / f"array-{name}.json",
            {
                "schema": 1,
                "shows": shows,
                "stored": {
                    "rows": stored.shape[0],
                    "columns": stored.shape[1],
                    "type": str(stored.dtype),
                    "valuesBase64": base64_of(stored, stored.dtype.newbyteorder("<").str),
                },
                "grey": _grey_json(grey),
                "input": own,
                "tensorF32": base64_of(tensor, "<f4"),
            },
        )


REPLICATES = 200


def statistics_rows() -> list[dict]:
    """Invented rows: tied probabilities, two classes that overlap, one to four images a patient."""
    rng = np.random.default_rng(20261125)
    rows = []
    for patient in range(60):
        for _ in range(int(rng.integers(1, 5))):
            score = float(np.round(rng.normal(0, 2), 3))
            label = int(rng.random() < 1 / (1 + np.exp(-1.4 * score + 0.3)))
            p = float(np.round(1 / (1 + np.exp(-score)), 1))
            rows.append({"probability": p, "score": score, "label": label, "patient": f"p{patient}"})
    return [rows[i] for i in rng.permutation(len(rows))]


def write_statistics(folder: Path) -> None:
    """figures.json: the rows and what `metrics.describe` says of them, which src/statistics must say too."""
    rows = statistics_rows()
    column = lambda key: np.array([r[key] for r in rows])
    figures = metrics.describe(column("probability"), column("score"), column("label"), column("patient"), draws=REPLICATES)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "figures.json", {"schema": 1, "replicates": REPLICATES, "rows": rows, "figures": figures}, indent=1)
