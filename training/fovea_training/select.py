"""Which average of weights to ship: judged on perturbed pictures of held-out patients.

Every candidate is an average of the runs' linear starts and of one epoch's networks. The judge is the mean of two
figures: the AUROC of all perturbed views pooled, which also falls when an acquisition moves every score, and the mean
of the views' own AUROCs. It uses the `calib` split, so that `val` stays unseen.
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
    views_mean = float(np.mean([auroc(z, labels) for z in logits.values()]))
    whole = auroc(pooled, np.tile(labels, len(logits)))
    return {
        "judged": round((whole + views_mean) / 2, 5),
        "pooled": round(whole, 5),
        "mean": round(views_mean, 5),
        "worst": min((round(auroc(z, labels), 5), name) for name, z in logits.items()),
        "clean": round(auroc(logits["clean"], labels), 5),
    }


def balanced(labels: np.ndarray, count: int, seed: int = 1) -> np.ndarray:
    """Indices of at most `count` images of each label."""
    rng = np.random.default_rng(seed)
    return np.sort(np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:count] for k in (0, 1)]))


def candidates(folder: Path, seeds: list[int], wanted: list[dict]):
    """(name, network): for each entry the average of the runs after its `epochs`, and, where its `share` is below 1, of their
    linear starts for the rest."""
    load = lambda seed, name: torch.load(folder / f"seed-{seed}" / name, weights_only=True)
    starts = [load(s, "start.pt") for s in seeds]
    yield "start", averaged(starts, [1.0] * len(seeds))
    for entry in wanted:
        epochs, share = entry["epochs"], entry["share"]
        tuned = [load(s, f"epoch-{e}.pt") for s in seeds for e in epochs]
        weights = [(1 - share) / len(starts)] * len(starts) + [share / len(tuned)] * len(tuned)
        yield f"epochs {epochs}, share {share}", averaged(starts + tuned, weights)


def select(folder: Path, images: np.ndarray, labels: np.ndarray, pool: np.ndarray, config: dict, threads: int) -> dict:
    """Writes network.pt and returns what every candidate scored. Among candidates whose scores lie within `indistinct` of
    the best the last is taken: they are listed from few to many networks averaged."""
    settings = config["training"]
    chosen = balanced(labels, settings["judged"])
    labels = labels[chosen]
    views = judged_views(images[chosen], pool, config["input"])
    table, nets = {}, {}
    for name, net in candidates(folder, settings["seeds"], settings["candidates"]):
        found = judge(net, views, labels, config["input"], threads)
        table[name], nets[name] = found, net
        print(f"{name}: judged {found['judged']:.4f} pooled {found['pooled']:.4f} mean {found['mean']:.4f} clean {found['clean']:.4f} "
              f"worst {found['worst'][0]:.4f} ({found['worst'][1]})", flush=True)
    best = max(found["judged"] for found in table.values())
    taken = [name for name, found in table.items() if found["judged"] >= best - settings["indistinct"]][-1]
    torch.save(nets[taken].state_dict(), folder / "network.pt")
    return {"chosen": taken, "candidates": table}
