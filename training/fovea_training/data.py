"""The labelled images: manifests, splits, and the audit that must pass before anything is trained."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Row:
    """One image of a manifest; `path` is where it lies, `label` as the manifest spells it."""

    path: Path
    file: str
    label: str
    patient: str
    split: str
    sha256: str
    age: str
    view: str


def read_manifest(folder: Path, splits: tuple[str, ...] | None = None) -> list[Row]:
    """Rows in the manifest's order; `splits` keeps only those."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [
            Row(folder / r["file"], r["file"], r["label"], r["patient_id"], r["split"], r["sha256"], r["age"], r["view"])
            for r in csv.DictReader(file)
        ]
    return [r for r in rows if splits is None or r.split in splits]


def labels(rows: list[Row], positive: str) -> np.ndarray:
    """1 where one of the `|`-separated labels is `positive`."""
    return np.array([positive in r.label.split("|") for r in rows], dtype=np.uint8)


def read_grey(path: Path) -> np.ndarray:
    """An 8-bit image as grey; colour by Pillow's integer ITU-R 601 luma, which leaves R = G = B unchanged."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def thumbnail_hash(image: np.ndarray) -> int:
    """Difference hash of 16 × 15 bits: equal for the same picture after scaling or recompression."""
    small = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BOX), dtype=np.int32)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if b else "0" for b in bits), 2)


def audit(folder: Path, near: int = 6) -> dict:
    """Digests hold, no patient and no (near-)duplicate lies in two splits. Near: at most `near` of 240 bits differ."""
    rows = read_manifest(folder)
    splits_of = defaultdict(set)
    broken, hashes, by_digest = [], [], defaultdict(list)
    for row in rows:
        splits_of[row.patient].add(row.split)
        content = row.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != row.sha256:
            broken.append(row.file)
        by_digest[row.sha256].append(row)
        hashes.append(thumbnail_hash(read_grey(row.path)))
    packed = np.array([[(h >> s) & 0xFF for s in range(0, 240, 8)] for h in hashes], dtype=np.uint8)
    ones = np.array([bin(i).count("1") for i in range(256)], dtype=np.uint8)
    pairs = []
    for i in range(len(rows)):
        distance = ones[packed[i + 1 :] ^ packed[i]].sum(1)
        pairs += [(i, i + 1 + int(j)) for j in np.flatnonzero(distance <= near)]
    crossing = [(rows[i], rows[j]) for i, j in pairs if rows[i].split != rows[j].split]
    return {
        "images": len(rows),
        "patients": len(splits_of),
        "splits": {s: Counter(r.label for r in rows if r.split == s) for s in sorted({r.split for r in rows})},
        "patientsBySplit": {s: len({r.patient for r in rows if r.split == s}) for s in sorted({r.split for r in rows})},
        "patientsInTwoSplits": sorted(p for p, s in splits_of.items() if len(s) > 1),
        "brokenDigests": broken,
        "exactDuplicates": [[r.file for r in group] for group in by_digest.values() if len(group) > 1],
        "nearDuplicates": len(pairs),
        "nearDuplicatesAcrossSplits": [[a.file, b.file] for a, b in crossing],
    }
