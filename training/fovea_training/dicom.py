"""A DICOM radiograph as the reference side reads it: stored values by pydicom, the grey rules from the header."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pydicom

from .preprocessing import Grey, LookupTable, Window


@dataclass(frozen=True)
class Header:
    """What the header gates judge."""

    sop_class: str
    modality: str
    body_part: str | None
    view: str | None
    photometric: str
    rows: int
    columns: int
    age_years: float | None
    burned_in: bool


def _table(item: pydicom.Dataset) -> LookupTable:
    count, first, bits = (int(v) for v in item.LUTDescriptor)
    data = item.LUTData
    entries = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.atleast_1d(np.asarray(data))
    return LookupTable(first, bits, entries[: count or 65536])


def _first(value) -> float:
    return float(value[0]) if isinstance(value, pydicom.multival.MultiValue) else float(value)


def grey_rules(ds: pydicom.Dataset) -> Grey:
    """Modality LUT or rescale, first VOI LUT or window, padding, photometric interpretation."""
    window = None
    if "WindowCenter" in ds and "WindowWidth" in ds:
        window = Window(_first(ds.WindowCenter), _first(ds.WindowWidth), ds.get("VOILUTFunction", "LINEAR"))
    padding = None
    if "PixelPaddingValue" in ds:
        value = int(ds.PixelPaddingValue)
        padding = (value, int(ds.get("PixelPaddingRangeLimit", value)))
    return Grey(
        photometric=ds.PhotometricInterpretation,
        slope=float(ds.get("RescaleSlope", 1)),
        intercept=float(ds.get("RescaleIntercept", 0)),
        modality_lut=_table(ds.ModalityLUTSequence[0]) if ds.get("ModalityLUTSequence") else None,
        voi_lut=_table(ds.VOILUTSequence[0]) if ds.get("VOILUTSequence") else None,
        window=window,
        padding=padding,
    )


def _date(text: str | None) -> date | None:
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if text and len(text) >= 8 else None


def age_at(birth: date, day: date) -> float:
    """Completed years, with the fraction of the running year."""
    years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    since = date(birth.year + years, birth.month, min(birth.day, 28))
    return years + max(0.0, min(0.999, (day - since).days / 365.25))


def header(ds: pydicom.Dataset) -> Header:
    """The age is that of birth and study date, else what PatientAge says."""
    birth, day = _date(ds.get("PatientBirthDate")), _date(ds.get("StudyDate"))
    age = age_at(birth, day) if birth and day else None
    if age is None and ds.get("PatientAge"):
        unit = {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0}[ds.PatientAge[-1]]
        age = int(ds.PatientAge[:-1]) / unit
    return Header(
        sop_class=str(ds.SOPClassUID),
        modality=ds.get("Modality", ""),
        body_part=ds.get("BodyPartExamined") or None,
        view=ds.get("ViewPosition") or None,
        photometric=ds.PhotometricInterpretation,
        rows=int(ds.Rows),
        columns=int(ds.Columns),
        age_years=age,
        burned_in=ds.get("BurnedInAnnotation", "NO") == "YES",
    )


def read(path: Path) -> tuple[Header, Grey, np.ndarray]:
    """Header, grey rules and stored values of a single-frame file; raises what pydicom raises on a broken one."""
    ds = pydicom.dcmread(path)
    return header(ds), grey_rules(ds), ds.pixel_array
