"""From a chosen network to the files of the package, each with its digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx

from . import detectors, metrics
from .augment import PERTURBATIONS, augment, perturb
from .calibration import VennAbers, base64_of, calibrate, from_base64
from .data import labels as labels_of
from .data import read_grey, read_manifest
from .network import FEATURES, GATE_FEATURES, LAYOUT, OPSET, LiteNet, to_onnx
from .preprocessing import prepare, resize, to_tensor
from .runtime import Package
from .train import outputs, session, stretch_all

NAMES = ["logits", "features"]


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
    """calibration.json and reference.json: fitted on train, set on calib."""
    run, rules = model_session(folder, threads), config["input"]
    train, calib = Split(root, config, "train"), Split(root, config, "calib")
    logits, features = outputs(run, calib.images, rules, NAMES)
    entry = calibrate(logits[:, 0], calib.labels, calib.patients, config["calibration"])
    write_json(folder / "calibration.json", {"schema": 1, "findings": {config["finding"]["name"]: entry}})

    settings = config["detectors"]
    train_logits, train_features = outputs(run, train.images, rules, NAMES)
    rng = np.random.default_rng(1)
    changed = np.concatenate(
        [augment(train.images[i : i + 32], train.images, rng, settings["changeStrength"]) for i in range(0, len(train.images), 32)]
    )
    _, changed_features = outputs(run, changed, rules, NAMES)
    settings = {**settings, "networkDimension": FEATURES, "layoutDimension": LAYOUT * LAYOUT}
    fitted = detectors.fit(train_features, train.labels, settings, 1, changed_features)
    detectors.set_thresholds(fitted, features, logits, settings["falseAlarm"], settings["margin"])
    limits = rules["intensity"]["stretch"]
    seen = stretch_all(calib.images, limits["lower"], limits["upper"])
    quality = [detectors.quality(i) for i in seen]
    calibrator = VennAbers(from_base64(entry["logitsF64"], "<f8"), from_base64(entry["labelsU8"], "u1"))
    p = calibrator.many(logits[:, 0])[:, 0]
    bounds = detectors.quality_limits(stretch_all(train.images, limits["lower"], limits["upper"]), settings["qualityMargin"])
    spans = {b["name"]: np.linspace(b["minimum"], b["maximum"], 21) for b in bounds}
    write_json(
        folder / "reference.json",
        {
            "schema": 1,
            "n": len(train.images),
            "detectors": fitted,
            "quality": bounds,
            "histograms": {
                "probability": detectors.histogram(p, np.linspace(0, 1, 21)),
                "quality": {n: detectors.histogram(np.array([q[n] for q in quality]), e) for n, e in spans.items()},
            },
        },
        indent=1,
    )
    fired = detectors.alarms(fitted, features, logits)
    print(f"calib: {fired.any(1).mean():.4f} out of distribution by any detector", flush=True)


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
        self.scores = np.stack([detectors.score(d, features, self.logits) for d in found], axis=1)

    def abstained(self) -> list[dict]:
        """Counts by reason, quality first, as the service says them."""
        counts = [("GATE_QUALITY", int(self.poor.sum())), ("GATE_OUT_OF_DISTRIBUTION", int(self.strange.sum()))]
        return [{"code": code, "n": n} for code, n in counts]


def _share(mask: np.ndarray, patients: np.ndarray | None = None) -> dict:
    groups = np.arange(len(mask)) if patients is None else patients
    return metrics.figure(float(mask.mean()), metrics.bootstrap(lambda r: float(mask[r].mean()), groups, 500), len(mask))


def evaluate(root: Path, config: dict, folder: Path, threads: int, cost: dict, selection: dict | None) -> dict:
    """evaluation.json. `val` is used for nothing else."""
    package = Package(folder, threads)
    run = package.run
    val, train = Split(root, config, "val"), Split(root, config, "train")
    clean = Judged(package, val.images, run)
    name = config["finding"]["name"]

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
    bands = np.array([package.say(float(z))[3] for z in clean.z])
    sets[0]["bands"] = {
        b: {"n": int((bands == b).sum()), "positives": int(val.labels[bands == b].sum())} for b in ("low", "indeterminate", "elevated")
    }
    for kind in ("bacteria", "virus"):
        mask = np.array([kind in k.split("|") for k in val.kinds])
        sets[0].setdefault("subgroups", []).append({"by": "cause", "value": kind, **{"sensitivity": _share(clean.p[mask] >= 0.5, val.patients[mask])}})

    robustness = []
    for title in PERTURBATIONS:
        judged = Judged(package, np.round(perturb(val.images, title, train.images)).astype(np.uint8), run)
        auc = lambda r, j=judged: metrics.auroc(j.z[r], val.labels[r])
        right = lambda r, j=judged: float(((j.p[r] >= 0.5) == val.labels[r]).mean())
        rows = np.arange(len(val.labels))
        robustness.append(
            {
                "change": title,
                "n": len(rows),
                "auroc": metrics.figure(auc(rows), metrics.bootstrap(auc, val.patients, 300), len(rows)),
                "accuracy": metrics.figure(right(rows), metrics.bootstrap(right, val.patients, 300), len(rows)),
                "ece": round(metrics.ece(judged.p, val.labels), 5),
                "refused": _share(judged.refused, val.patients),
            }
        )
        print(f"{title}: AUROC {robustness[-1]['auroc']['value']:.4f}, refused {judged.refused.mean():.3f}", flush=True)

    side = config["input"]["shape"][2]
    grown = lambda r: r.age.isdigit() and int(r.age) >= 18
    far = {
        "bone radiographs": other_images(root, "ood-bone-xray", 400, side),
        "brain MRI": other_images(root, "brain-mri", 400, side),
        "head CT": other_images(root, "head-ct", 400, side),
        "adult chest radiographs, 256 px": other_images(root, "chest-xray-adult", 400, side, lambda r: grown(r) and "COVID" not in r.label and _wide(r)),
        "val, inverted": 255 - val.images,
        "val, turned by 90 degrees": np.rot90(val.images, 1, (1, 2)).copy(),
        "val, upside down": val.images[:, ::-1].copy(),
        "uniform noise": np.random.default_rng(3).integers(0, 256, (200, side, side)).astype(np.uint8),
    }
    distance = []
    for title, images in far.items():
        judged = Judged(package, images, run)
        # how far above the threshold, in units of the spread of the held-out images, by the loudest detector
        spread = clean.scores.std(0) + 1e-9
        thresholds = np.array([d["threshold"] for d in package.reference["detectors"]])
        loud = lambda j: ((j.scores - thresholds) / spread).max(1)
        score = np.concatenate([loud(clean), loud(judged)])
        label = np.concatenate([np.zeros(len(val.labels)), np.ones(len(images))]).astype(np.uint8)
        groups = np.concatenate([val.patients, [f"other-{i}" for i in range(len(images))]])
        auc = lambda r: metrics.auroc(score[r], label[r])
        distance.append(
            {
                "set": title,
                "n": len(images),
                "auroc": metrics.figure(auc(np.arange(len(label))), metrics.bootstrap(auc, groups, 300), len(label)),
                "refused": _share(judged.refused),
                "refusedBy": {
                    "GATE_QUALITY": round(float(judged.poor.mean()), 4),
                    **{n: round(float(a), 4) for n, a in zip(detectors.names(package.reference["detectors"]), judged.alarm.mean(0))},
                },
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
            "intervals": "95 % percentile bootstrap, whole patients drawn with replacement",
            "ece": "15 bins of equal mass",
            "eceDebiased": "ece less the mean ece of labels drawn from the probabilities themselves, not below 0",
            "threshold": "accuracy, sensitivity and specificity at probability 0.5",
        },
        "cost": cost,
    }
    write_json(folder / "evaluation.json", result, indent=1)
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
