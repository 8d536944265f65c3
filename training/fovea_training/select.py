"""Which average of weights to ship: judged on perturbed pictures of held-out patients.

Every candidate is an average of the runs' linear starts and of one epoch's networks. The judge is the AUROC of all
perturbed views pooled, which falls both when the order within a view breaks and when an acquisition moves every
score. It uses the `calib` split, so that `val` stays unseen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from .augment import PERTURBATIONS, perturb
from .metrics import auroc
from .network import LiteNet, to_onnx
from .train import averaged, outputs, session, stretch_all


def judged_views(images: np.ndarray, pool: np.ndarray, rules: dict) -> dict[str, np.ndarray]:
    """The clean images and every perturbation of them after the package's stretch, rounded to 8 bits to save memory."""
    limits = rules["intensity"]["stretch"]
    views = {"clean": images, **{name: perturb(images, name, pool) for name in PERTURBATIONS}}
    return {n: np.round(stretch_all(v, limits["lower"], limits["upper"])).astype(np.uint8) for n, v in views.items()}


def judge(net: LiteNet, views: dict[str, np.ndarray], labels: np.ndarray, rules: dict, threads: int) -> dict:
    """AUROC by view, their mean and the worst, and that of all views pooled."""
    run = session(to_onnx(net, rules["shape"][2]), threads)
    ready = {**rules, "intensity": {**rules["intensity"], "stretch": None}}
    logits = {name: outputs(run, v, ready, ["logits"])[0][:, 0] for name, v in views.items()}
    pooled = np.concatenate(list(logits.values()))
    return {
        "pooled": round(auroc(pooled, np.tile(labels, len(logits))), 5),
        "mean": round(float(np.mean([auroc(z, labels) for z in logits.values()])), 5),
        "worst": min((round(auroc(z, labels), 5), name) for name, z in logits.items()),
        "clean": round(auroc(logits["clean"], labels), 5),
    }


def balanced(labels: np.ndarray, count: int, seed: int = 1) -> np.ndarray:
    """Indices of at most `count` images of each label."""
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:count] for k in (0, 1)]))


def candidates(folder: Path, seeds: list[int], epochs: list[int], shares: list[float]):
    """(name, network): the runs' average after each epoch, moved back towards their starts."""
    load = lambda seed, name: torch.load(folder / f"seed-{seed}" / name, weights_only=True)
    starts = [load(s, "start.pt") for s in seeds]
    yield "start", averaged(starts, [1.0] * len(seeds))
    for epoch in epochs:
        tuned = [load(s, f"epoch-{epoch}.pt") for s in seeds]
        for share in shares:
            weights = [1 - share] * len(seeds) + [share] * len(seeds)
            yield f"epoch {epoch}, share {share}", averaged(starts + tuned, weights)


def select(folder: Path, images: np.ndarray, labels: np.ndarray, pool: np.ndarray, config: dict, threads: int) -> dict:
    """Writes network.pt and returns what every candidate scored."""
    settings = config["training"]
    chosen = balanced(labels, settings["judged"])
    labels = labels[chosen]
    views = judged_views(images[chosen], pool, config["input"])
    table, best = {}, None
    for name, net in candidates(folder, settings["seeds"], settings["candidates"], settings["shares"]):
        found = judge(net, views, labels, config["input"], threads)
        table[name] = found
        print(f"{name}: pooled {found['pooled']:.4f} mean {found['mean']:.4f} clean {found['clean']:.4f} "
              f"worst {found['worst'][0]:.4f} ({found['worst'][1]})", flush=True)
        if best is None or found["pooled"] > table[best]["pooled"]:
            best = name
            torch.save(net.state_dict(), folder / "network.pt")
    return {"chosen": best, "candidates": table}
