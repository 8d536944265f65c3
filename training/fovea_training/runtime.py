"""A finished package at work, in Python: what the service must say, to hold it and the sandbox's cases against."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import detectors, dicom
from .calibration import VennAbers, conformal_set, from_base64
from .preprocessing import prepare, to_grey, to_tensor
from .train import session


@dataclass
class Result:
    """status final, abstained or failed; band and probability only when final."""

    status: str
    reason: str | None = None
    band: str | None = None
    probability: float | None = None
    interval: tuple[float, float] | None = None
    logit: float | None = None
    alarms: list[str] = field(default_factory=list)


class Package:
    """Reads a package folder; one thread."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        load = lambda name: json.loads((folder / name).read_text())
        self.manifest, self.reference = load("manifest.json"), load("reference.json")
        self.finding = self.manifest["findings"][0]["name"]
        entry = load("calibration.json")["findings"][self.finding]
        self.calibrator = VennAbers(from_base64(entry["logitsF64"], "<f8"), from_base64(entry["labelsU8"], "u1"))
        self.low, self.high = (p["threshold"] for p in entry["operatingPoints"])
        self.alpha = entry["conformal"]["alpha"]
        self.present = from_base64(entry["conformal"]["presentF64"], "<f8")
        self.absent = from_base64(entry["conformal"]["absentF64"], "<f8")
        self.run = session((folder / self.manifest["variants"]["fp32"]["file"]).read_bytes(), threads)

    def infer(self, tensor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(logits, features, cam)."""
        return tuple(self.run.run(["logits", "features", "cam"], {"image": tensor}))

    def header_reason(self, h: dicom.Header) -> str | None:
        """The first header gate that refuses; a missing body part or view is left to the pixels."""
        s = self.manifest["selects"]
        if h.modality not in s["modality"] or h.sop_class not in s["sopClass"]:
            return "GATE_MODALITY"
        if h.body_part is not None and h.body_part.upper() not in s["bodyPart"]:
            return "GATE_BODY_PART"
        if h.view is not None and h.view not in s["view"]:
            return "GATE_VIEW"
        if h.age_years is None or not s["ageYears"][0] <= h.age_years < s["ageYears"][1]:
            return "GATE_AGE"
        if h.photometric not in s["photometric"]:
            return "GATE_PHOTOMETRIC"
        if h.rows < s["minimumSize"][0] or h.columns < s["minimumSize"][1]:
            return "GATE_SIZE"
        return "GATE_BURNED_IN" if h.burned_in else None

    def say(self, logit: float) -> tuple[float, float, float, str]:
        """(p, low, high, band). The conformal set has a veto: a full set is indeterminate, and so is one that holds only
        the other label; an empty one keeps the likelier label."""
        p, low, high = self.calibrator(logit)
        kept = conformal_set(logit, self.present, self.absent, self.alpha) or ["present" if p >= 0.5 else "absent"]
        band = "indeterminate"
        if len(kept) == 1 and p >= self.high and kept == ["present"]:
            band = "elevated"
        elif len(kept) == 1 and p < self.low and kept == ["absent"]:
            band = "low"
        return p, low, high, band

    def judge(self, grey: np.ndarray) -> Result:
        """From grey in [0, 255]: quality, out-of-distribution, then the probability."""
        image = prepare(grey, self.manifest["input"])
        poor = detectors.poor_quality(image, self.reference["quality"])
        logits, features, _ = self.infer(to_tensor(image, self.manifest["input"]))
        z = float(logits[0, 0])
        if poor:
            return Result("abstained", "GATE_QUALITY", logit=z, alarms=poor)
        fired = detectors.alarms(self.reference["detectors"], features, logits)[0]
        if fired.any():
            names = [n for n, f in zip(detectors.names(self.reference["detectors"]), fired) if f]
            return Result("abstained", "GATE_OUT_OF_DISTRIBUTION", logit=z, alarms=names)
        p, low, high, band = self.say(z)
        return Result("final", None, band, p, (low, high), z)

    def assess(self, path: Path) -> Result:
        """A DICOM file."""
        import pydicom

        ds = pydicom.dcmread(path)
        reason = self.header_reason(dicom.header(ds))
        if reason:
            return Result("abstained", reason)
        try:
            stored = ds.pixel_array
        except (ValueError, RuntimeError, AttributeError):
            return Result("failed", "DICOM_TRUNCATED")
        return self.judge(to_grey(stored, dicom.grey_rules(ds)))
