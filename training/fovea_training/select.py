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
from .train import averaged, outputs, session


def judged_views(images: np.ndarray, pool: np.ndarray) -> dict[str, np.ndarray]:
    """The clean images and every perturbation of them, rounded to 8 bits to save memory."""
    views = {"clean": images}
    for name in PERTURBATIONS:
        views[name] = np.round(perturb(images, name, pool)).astype(np.uint8)
    return views


def judge(net: LiteNet, views: dict[str, np.ndarray], labels: np.ndarray, rules: dict, threads: int) -> dict:
    """AUROC by view, pooled, and how many normals and pneumonias lie on the wrong side of the clean split's best cut."""
    run = session(to_onnx(net, rules["shape"][2]), threads)
    logits = {name: outputs(run, v, rules, ["logits"])[0][:, 0] for name, v in views.items()}
    pooled = np.concatenate(list(logits.values()))
    return {
        "pooled": auroc(pooled, np.tile(labels, len(logits))),
        "mean": float(np.mean([auroc(z, labels) for z in logits.values()])),
        "worst": min((auroc(z, labels), name) for name, z in logits.items()),
        "clean": auroc(logits["clean"], labels),
        "views": {name: auroc(z, labels) for name, z in logits.items()},
    }


def candidates(folder: Path, seeds: list[int], epochs: int, shares: list[float]):
    """(name, network): the runs' average after each epoch, moved back towards their starts."""
    load = lambda seed, name: torch.load(folder / f"seed-{seed}" / name, weights_only=True)
    starts = [load(s, "start.pt") for s in seeds]
    yield "start", averaged(starts, [1.0] * len(seeds))
    for epoch in range(1, epochs + 1):
        tuned = [load(s, f"epoch-{epoch}.pt") for s in seeds]
        for share in shares:
            weights = [1 - share] * len(seeds) + [share] * len(seeds)
            yield f"epoch {epoch}, share {share}", averaged(starts + tuned, weights)


def select(folder: Path, images: np.ndarray, labels: np.ndarray, pool: np.ndarray, config: dict, threads: int) -> dict:
    """Writes network.pt and returns what every candidate scored."""
    views = judged_views(images, pool)
    settings = config["training"]
    table, best = {}, None
    for name, net in candidates(folder, settings["seeds"], settings["epochs"], settings["shares"]):
        found = judge(net, views, labels, config["input"], threads)
        table[name] = found
        print(f"{name}: pooled {found['pooled']:.4f} mean {found['mean']:.4f} clean {found['clean']:.4f} "
              f"worst {found['worst'][0]:.4f} ({found['worst'][1]})", flush=True)
        if best is None or found["pooled"] > table[best]["pooled"]:
            best = name
            torch.save(net.state_dict(), folder / "network.pt")
    return {"chosen": best, "candidates": table}
