"""From a chosen network to the files of the package, each with its digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx

from . import detectors, metrics
from .augment import HARSH, PERTURBATIONS, WRONG, elsewhere, perturb
from .calibration import Held, VennAbers, base64_of, calibrate, from_base64
from .data import labels as labels_of
from .data import read_grey, read_manifest
from .network import FEATURES, GATE_FEATURES, LAYOUT, OPSET, LiteNet, to_onnx
from .preprocessing import prepare, resize, to_tensor
from .runtime import Package
from .train import outputs, session, stretch_all

NAMES = ["logits", "features"]

# of a table that people read: enough cases in each for an interval that says something
RELIABILITY_BINS = 10


def write_json(path: Path, value: object, indent: int | None = 2) -> None:
    """UTF-8, one newline at the end."""
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


class Split:
    """A split's images as the network takes them: [n, 224, 224] grey, labels, patients."""

    def __init__(self, root: Path, config: dict, split: str) -> None:
        folder = root / config["data"]
        rows = read_manifest(folder, (split,))
        side = config["input"]["shape"][2]
        self.images = np.stack([np.round(resize(read_grey(r.path), side, side)).astype(np.uint8) for r in rows])
        self.labels = labels_of(rows, config["finding"]["label"])
        self.patients = np.array([r.patient for r in rows])
        self.kinds = np.array([r.label for r in rows])


def other_images(root: Path, name: str, count: int, side: int, keep=lambda row: True, seed: int = 5) -> np.ndarray:
    """Up to `count` images of another set, drawn with a seed, through the resize of the package."""
    rows = [r for r in read_manifest(root / name) if keep(r)]
    chosen = np.random.default_rng(seed).permutation(len(rows))[:count]
    images = [resize(read_grey(rows[i].path), side, side) for i in sorted(chosen)]
    return np.round(np.stack(images)).astype(np.uint8)


def export(net: LiteNet, config: dict, folder: Path) -> None:
    """model.onnx."""
    (folder / "model.onnx").write_bytes(to_onnx(net, config["input"]["shape"][2]).SerializeToString())


def model_session(folder: Path, threads: int):
    """The exported network, which is what everything below measures."""
    return session((folder / "model.onnx").read_bytes(), threads)


def write_calibration(root: Path, config: dict, folder: Path, threads: int) -> None:
    """calibration.json and reference.json: fitted on train, set on calib; the rates at the operating points are val's."""
    run, rules = model_session(folder, threads), config["input"]
    train, calib, val = (Split(root, config, name) for name in ("train", "calib", "val"))
    over = lambda images: outputs(run, np.clip(np.round(images), 0, 255).astype(np.uint8), rules, NAMES)
    logits, features = over(calib.images)
    held = Held(logits[:, 0], calib.labels, calib.patients)
    entry = calibrate(held, Held(over(val.images)[0][:, 0], val.labels, val.patients), "val", config["calibration"])
    write_json(folder / "calibration.json", {"schema": 1, "findings": {config["finding"]["name"]: entry}})

    settings = {**config["detectors"], "networkDimension": FEATURES, "layoutDimension": LAYOUT * LAYOUT}
    rng = np.random.default_rng(1)
    parts = range(0, len(train.images), 32)
    changed = np.concatenate([elsewhere(train.images[i : i + 32], train.images, rng) for i in parts])
    right = np.concatenate([train.images, changed])
    wrong = {name: over(WRONG[name](right, rng))[1] for name in settings["contrasts"]}
    found = detectors.fit(over(train.images)[1], over(changed)[1], train.labels, wrong, settings)
    under = {name: over(perturb(calib.images, name, train.images))[::-1] for name in PERTURBATIONS}
    mild = [outcome for name, outcome in under.items() if name not in HARSH]
    detectors.set_thresholds(found, (features, logits), mild, settings["falseAlarm"], settings["refusedWhenChanged"])
    stretched = config["input"]["intensity"]["stretch"]
    measure = lambda images: [detectors.quality(i) for i in stretch_all(images, stretched["lower"], stretched["upper"])]
    quality = measure(calib.images)
    calibrator = VennAbers(from_base64(entry["logitsF64"], "<f8"), from_base64(entry["labelsU8"], "u1"))
    p = calibrator.many(logits[:, 0])[:, 0]
    bounds = detectors.quality_limits(measure(train.images) + measure(np.round(changed)), settings["qualityMargin"])
    spans = {b["name"]: np.linspace(b["minimum"], b["maximum"], 21) for b in bounds}
    write_json(
        folder / "reference.json",
        {
            "schema": 1,
            "n": len(train.images),
            "detectors": found,
            "quality": bounds,
            "histograms": {
                "probability": detectors.histogram(p, np.linspace(0, 1, 21)),
                "quality": {n: detectors.histogram(np.array([q[n] for q in quality]), e) for n, e in spans.items()},
            },
            "neighbours": _neighbours(found, features, config, calib),
        },
        indent=1,
    )
    fired = detectors.alarms(found, features, logits)
    print(f"calib: {fired.any(1).mean():.4f} out of distribution by any detector", flush=True)
    for name, outcome in under.items():
        fired = detectors.alarms(found, *outcome)
        print(f"calib, {name}: {fired.any(1).mean():.4f} {dict(zip(detectors.names(found), fired.mean(0).round(4).tolist()))}", flush=True)


def _neighbours(found: list[dict], features: np.ndarray, config: dict, calib: Split) -> dict:
    detector = next(d for d in found if d["name"] == config["neighbours"])
    return detectors.neighbours(detector, features, {config["finding"]["name"]: calib.labels})


def write_neighbours(root: Path, config: dict, folder: Path, threads: int) -> None:
    """`neighbours` of reference.json anew; everything else of it stays."""
    path = folder / "reference.json"
    reference, calib = json.loads(path.read_text()), Split(root, config, "calib")
    features = outputs(model_session(folder, threads), calib.images, config["input"], NAMES)[1]
    reference["neighbours"] = _neighbours(reference["detectors"], features, config, calib)
    write_json(path, reference, indent=1)


def write_golden(config: dict, folder: Path, pictures: dict[str, np.ndarray]) -> None:
    """golden.json from generated pictures (8-bit, any size)."""
    rules, run, cases = config["input"], model_session(folder, 1), []
    for name, picture in pictures.items():
        tensor = to_tensor(prepare(picture.astype(np.float64), rules), rules)
        logits, features, cam = run.run(["logits", "features", "cam"], {rules["name"]: tensor})
        cases.append(
            {
                "name": name,
                "rows": picture.shape[0],
                "columns": picture.shape[1],
                "pixelsU8": base64_of(picture, "u1"),
                "tensor": {
                    "mean": round(float(tensor.astype(np.float64).mean()), 7),
                    "first": [round(float(v), 7) for v in tensor.ravel()[:16]],
                },
                "logits": [round(float(v), 6) for v in logits[0]],
                "camF32": base64_of(cam, "<f4"),
                "featuresF32": base64_of(features, "<f4"),
            }
        )
    tolerance = {"logits": 0.002, "cam": 0.01, "features": 0.01}
    write_json(folder / "golden.json", {"schema": 1, "tolerance": tolerance, "cases": cases}, indent=1)


class Judged:
    """What the package says of many images of the network's size."""

    def __init__(self, package: Package, images: np.ndarray, run) -> None:
        rules = package.manifest["input"]
        limits = rules["intensity"]["stretch"]
        self.logits, features = outputs(run, images, rules, NAMES)
        self.z = self.logits[:, 0]
        self.p = package.calibrator.many(self.z)[:, 0]
        seen = stretch_all(images, limits["lower"], limits["upper"])
        self.poor = np.array([bool(detectors.poor_quality(i, package.reference["quality"])) for i in seen])
        found = package.reference["detectors"]
        self.alarm = detectors.alarms(found, features, self.logits)
        self.strange = self.alarm.any(1) & ~self.poor
        self.refused = self.poor | self.alarm.any(1)
        # what the service ranks by: the largest relative excess over a threshold, above 1 exactly when it refuses
        excess = [(detectors.score(d, features, self.logits) - d["threshold"]) / max(abs(d["threshold"]), 1e-9) for d in found]
        self.index = 1 + np.max(excess, axis=0)

    def abstained(self) -> list[dict]:
        """Counts by reason, quality first, as the service says them."""
        counts = [("GATE_QUALITY", int(self.poor.sum())), ("GATE_OUT_OF_DISTRIBUTION", int(self.strange.sum()))]
        return [{"code": code, "n": n} for code, n in counts]


def _refusals(judged: Judged, package: Package) -> dict[str, float]:
    """Share of images refused by the quality limits and by each detector."""
    shares = zip(detectors.names(package.reference["detectors"]), judged.alarm.mean(0))
    return {"GATE_QUALITY": round(float(judged.poor.mean()), 4), **{n: round(float(a), 4) for n, a in shares}}


def evaluate(root: Path, config: dict, folder: Path, threads: int, cost: dict, selection: dict | None) -> dict:
    """evaluation.json, measured on `val`. What trains nothing here and is not in the work folder (`selection`, the cost of
    steps that were not run again) stays as the package has it."""
    package = Package(folder, threads)
    run = package.run
    val, train = Split(root, config, "val"), Split(root, config, "train")
    clean = Judged(package, val.images, run)
    name = config["finding"]["name"]
    existing = folder / "evaluation.json"
    before = json.loads(existing.read_text()) if existing.exists() else {}
    selection = selection or before.get("selection")
    cost = {**before.get("cost", {}), **cost}

    def entry(title: str, description: str, mask: np.ndarray, judged: Judged) -> dict:
        return {
            "name": title,
            "description": description,
            "n": int(mask.sum()),
            "positives": int(val.labels[mask].sum()),
            "patients": len(np.unique(val.patients[mask])),
            "findings": {name: metrics.describe(judged.p[mask], judged.z[mask], val.labels[mask], val.patients[mask])},
            "abstained": judged.abstained() if mask.all() else [],
        }

    everyone = np.ones(len(val.labels), dtype=bool)
    sets = [
        entry("val", "held-out patients of the training source, every image that passes the header gates", everyone, clean),
        entry("val-spoken", "the same, only the images that the package speaks on", ~clean.refused, clean),
    ]
    for entry_, judged, mask in ((sets[0], clean, everyone), (sets[1], clean, ~clean.refused)):
        entry_["reliability"] = {name: metrics.reliability(judged.p[mask], val.labels[mask], RELIABILITY_BINS)}
    bands = np.array([package.say(float(z))[3] for z in clean.z])
    sets[0]["bands"] = {
        b: {"n": int((bands == b).sum()), "positives": int(val.labels[bands == b].sum())} for b in ("low", "indeterminate", "elevated")
    }
    for kind in ("bacteria", "virus"):
        mask = np.array([kind in k.split("|") for k in val.kinds])
        sets[0].setdefault("subgroups", []).append({"by": "cause", "value": kind, "sensitivity": metrics.share(clean.p[mask] >= 0.5)})

    robustness = []
    rows = np.arange(len(val.labels))
    for title in PERTURBATIONS:
        judged = Judged(package, np.round(perturb(val.images, title, train.images)).astype(np.uint8), run)
        auc = lambda r, j=judged: metrics.auroc(j.z[r], val.labels[r])
        error = lambda r, j=judged: metrics.ece(j.p[r], val.labels[r])
        right, spoken = (judged.p >= 0.5) == (val.labels == 1), ~judged.refused
        robustness.append(
            {
                "change": title,
                "mild": title not in HARSH,
                "n": len(rows),
                "auroc": metrics.figure(auc(rows), metrics.bootstrap(auc, val.patients, 300), len(rows)),
                "accuracy": metrics.share(right),
                "accuracySpoken": metrics.share(right[spoken]) if spoken.any() else None,
                "ece": metrics.figure(error(rows), metrics.bootstrap(error, val.patients, 300), len(rows)),
                "refused": metrics.share(judged.refused),
                "refusedBy": _refusals(judged, package),
            }
        )
        print(f"{title}: AUROC {robustness[-1]['auroc']['value']:.4f}, accuracy {right.mean():.3f}, ece {error(rows):.3f}, "
              f"refused {judged.refused.mean():.3f} {robustness[-1]['refusedBy']}", flush=True)

    side = config["input"]["shape"][2]
    grown = lambda r: r.age.isdigit() and int(r.age) >= 18
    far = {
        "bone radiographs": other_images(root, "ood-bone-xray", 400, side),
        "brain MRI": other_images(root, "brain-mri", 400, side),
        "head CT": other_images(root, "head-ct", 400, side),
        "adult chest radiographs, 256 px": other_images(root, "chest-xray-adult", 400, side, lambda r: grown(r) and "COVID" not in r.label and _wide(r)),
        "val, inverted": 255 - val.images,
        "val, turned by 90 degrees": np.rot90(val.images, 1, (1, 2)).copy(),
        "val, turned by 270 degrees": np.rot90(val.images, -1, (1, 2)).copy(),
        "val, upside down": val.images[:, ::-1].copy(),
        "val, turned by 180 degrees": val.images[:, ::-1, ::-1].copy(),
        "val, mirrored": val.images[:, :, ::-1].copy(),
        "uniform noise": np.random.default_rng(3).integers(0, 256, (200, side, side)).astype(np.uint8),
    }
    distance = []
    for title, images in far.items():
        judged = Judged(package, images, run)
        score = np.concatenate([clean.index, judged.index])
        label = np.concatenate([np.zeros(len(val.labels)), np.ones(len(images))]).astype(np.uint8)
        groups = np.concatenate([val.patients, [f"other-{i}" for i in range(len(images))]])
        auc = lambda r: metrics.auroc(score[r], label[r])
        distance.append(
            {
                "set": title,
                "n": len(images),
                "auroc": metrics.figure(auc(np.arange(len(label))), metrics.bootstrap(auc, groups, 300), len(label)),
                "refused": metrics.share(judged.refused),
                "refusedBy": _refusals(judged, package),
            }
        )
        print(f"{title}: refused {judged.refused.mean():.3f} {distance[-1]['refusedBy']}", flush=True)

    result = {
        "schema": 1,
        "sets": sets,
        "robustness": robustness,
        "outOfDistribution": distance,
        "selection": selection,
        "method": {
            "intervals": "95 %; proportions of images: Wilson; everything else: percentile bootstrap of 2,000 draws (changes and other pictures: 300), whole patients drawn with replacement",
            "ece": "15 bins of equal mass; a cut group of equal probabilities gives each side its share",
            "eceDebiased": "ece less what a perfect calibration scores on average at this n (normal approximation), not below 0",
            "threshold": "accuracy, sensitivity and specificity at probability 0.5",
        },
        "cost": cost,
    }
    write_json(existing, result, indent=1)
    return result


def _wide(row) -> bool:
    from PIL import Image

    with Image.open(row.path) as image:
        return image.size[0] >= 224


def digest(path: Path) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


FILES = {
    "calibration": "calibration.json",
    "reference": "reference.json",
    "golden": "golden.json",
    "sourceAttributes": "source-attributes.json",
    "evaluation": "evaluation.json",
    "card": "card.md",
}


def classifier_bias(model: Path) -> list[float]:
    """What the map's mean lacks to the logit, from the exported file itself."""
    constants = {c.name: c for c in onnx.load(model).graph.initializer}
    return [float(v) for v in onnx.numpy_helper.to_array(constants["classifier.bias"])]


def write_manifest(config: dict, folder: Path) -> None:
    """manifest.json, last: files that are not there yet get no entry (a package in the making)."""
    finding = config["finding"]
    rules = config["input"]
    model = folder / "model.onnx"
    side = rules["shape"][2]
    manifest = {
        "schema": 1,
        "name": config["name"],
        "version": config["version"],
        "title": config["title"],
        "released": config["released"],
        "findings": [finding],
        "exclusive": False,
        "population": config["population"],
        "populationNoun": config["populationNoun"],
        "selects": config["selects"],
        "input": rules,
        "outputs": {
            "logits": {"name": "logits", "shape": [1, 1]},
            "features": {"name": "features", "shape": [1, FEATURES + GATE_FEATURES]},
            "cam": {
                "name": "cam",
                "shape": [1, 1, side // 32, side // 32],
                "cellPixels": 32,
                "bias": classifier_bias(model),
            },
        },
        "variants": {"fp32": {"file": model.name, "sha256": digest(model), "bytes": model.stat().st_size, "opset": OPSET}},
        "defaultVariant": "fp32",
        "files": {
            key: {"file": name, "sha256": digest(folder / name)} for key, name in FILES.items() if (folder / name).exists()
        },
    }
    write_json(folder / "manifest.json", manifest)
