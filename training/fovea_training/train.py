"""From ImageNet weights to a network: frozen early blocks, a linear start, fine-tuning under strong augmentation.

What leaves this step is an average of weights: over the last steps of each run, over runs of different seeds, and
with the starting network (Wortsman et al. 2022, "robust fine-tuning"): the averages lose nothing where the
training images come from and keep more where they do not. How far to go from the start is chosen in `select`.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from .augment import augment, stretch_all
from .network import LiteNet, pretrained, to_onnx


def session(model, threads: int) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def tensors(images: np.ndarray, rules: dict) -> np.ndarray:
    """[B, H, W] grey in [0, 255] of the network's size to its input."""
    limits, intensity = rules["intensity"]["stretch"], rules["intensity"]
    x = stretch_all(images, limits["lower"], limits["upper"]) if limits else images.astype(np.float32)
    return ((x - intensity["offset"]) / intensity["scale"]).astype(np.float32)[:, None]


def outputs(run: onnxruntime.InferenceSession, images: np.ndarray, rules: dict, names: list[str], batch: int = 32):
    """Concatenated outputs over many images."""
    parts = [run.run(names, {"image": tensors(images[i : i + batch], rules)}) for i in range(0, len(images), batch)]
    return [np.concatenate(p) for p in zip(*parts)]


def linear_start(net: LiteNet, images: np.ndarray, labels: np.ndarray, config: dict, rng: np.random.Generator, threads: int):
    """Logistic regression on clean and augmented features of the untouched network, written into its classifier."""
    run = session(to_onnx(net, images.shape[1]), threads)
    features = [outputs(run, images, config["input"], ["features"])[0]]
    for _ in range(config["training"]["linearViews"]):
        views = np.concatenate(
            [augment(images[i : i + 32], images, rng, config["training"]["strength"]) for i in range(0, len(images), 32)]
        )
        features.append(outputs(run, views, config["input"], ["features"])[0])
    x = np.concatenate(features)[:, : net.classifier.in_features]
    y = np.tile(labels, len(features))
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    model = LogisticRegression(C=config["training"]["linearC"], class_weight="balanced", max_iter=3000)
    model.fit((x - mean) / deviation, y)
    weight = model.coef_ / deviation
    net.classifier.weight.data.copy_(torch.from_numpy(weight.astype(np.float32)))
    net.classifier.bias.data.copy_(torch.from_numpy((model.intercept_ - weight @ mean).astype(np.float32)))
    return net


def fine_tune(images: np.ndarray, labels: np.ndarray, config: dict, seed: int, out: Path, threads: int = 1) -> None:
    """Trains the blocks from `frozenBlocks` on and writes start.pt and epoch-N.pt (the running average of weights) to
    `out`. Each of `cycles` is a warm-up and a cosine over `epochs`, from the average that the one before left; a cycle
    whose files are there is not run again."""
    torch.set_num_threads(threads)
    settings = config["training"]
    out.mkdir(parents=True, exist_ok=True)
    epochs = settings["epochs"]
    for cycle in range(settings["cycles"]):
        if (out / f"epoch-{(cycle + 1) * epochs}.pt").exists():
            continue
        rng = np.random.default_rng([seed, cycle])
        torch.manual_seed(seed * 100 + cycle)
        if cycle == 0:
            net = linear_start(pretrained(), images, labels, config, rng, threads)
            torch.save(net.state_dict(), out / "start.pt")
            print(f"seed {seed}: linear start ready", flush=True)
        else:
            net = LiteNet()
            net.load_state_dict(torch.load(out / f"epoch-{cycle * epochs}.pt", weights_only=True))
        _cycle(net, images, labels, config, rng, out, cycle * epochs, threads)


def _cycle(
    net: LiteNet, images: np.ndarray, labels: np.ndarray, config: dict, rng: np.random.Generator, out: Path, done: int, threads: int
) -> None:
    settings = config["training"]
    frozen, size, epochs = settings["frozenBlocks"], settings["batch"], settings["epochs"]
    early = session(to_onnx(net, images.shape[1], frozen), threads)
    for p in net.parameters():
        p.requires_grad_(False)
    backbone = [p for m in (*net.blocks[frozen:], net.head) for p in m.parameters()]
    head = list(net.classifier.parameters())
    for p in backbone + head:
        p.requires_grad_(True)
    optimiser = torch.optim.AdamW(
        [{"params": backbone, "lr": settings["rate"]}, {"params": head, "lr": settings["headRate"]}],
        weight_decay=settings["weightDecay"],
    )
    steps = epochs * (len(images) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda s: min(1.0, (s + 1) / settings["warmup"]) * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * s / steps))),
    )
    average = {k: v.clone() for k, v in net.state_dict().items()}
    positive = torch.tensor(float((labels == 0).sum() / (labels == 1).sum()))
    smoothing = settings["labelSmoothing"]
    net.to(memory_format=torch.channels_last)
    net.train()
    step, began, losses = 0, time.time(), []
    for epoch in range(done + 1, done + epochs + 1):
        order = rng.permutation(len(images))
        for i in range(0, len(order) - size + 1, size):
            chosen = order[i : i + size]
            views = augment(images[chosen], images, rng, settings["strength"], settings["untouched"], settings["unmoved"])
            x = torch.from_numpy(early.run(None, {"image": tensors(views, config["input"])})[0])
            logits, _ = net.late(x.contiguous(memory_format=torch.channels_last), frozen)
            target = torch.from_numpy(labels[chosen].astype(np.float32)) * (1 - smoothing) + smoothing / 2
            loss = F.binary_cross_entropy_with_logits(logits[:, 0], target, pos_weight=positive)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(backbone + head, 2.0)
            optimiser.step()
            schedule.step()
            step += 1
            keep = min(settings["average"], (step + 1) / (step + 10))
            with torch.no_grad():
                for k, v in net.state_dict().items():
                    average[k].lerp_(v, 1 - keep)
            losses.append(loss.item())
            if step % 20 == 0:
                print(
                    f"{out.name} epoch {epoch} step {step}/{steps} loss {np.mean(losses[-20:]):.4f} "
                    f"{step * size / (time.time() - began):.1f} img/s",
                    flush=True,
                )
        torch.save(average, out / f"epoch-{epoch}.pt")


def averaged(states: list[dict], weights: list[float]) -> LiteNet:
    """The network whose parameters are the weighted average of those given."""
    net = LiteNet()
    total = sum(weights)
    net.load_state_dict({k: sum(s[k] * (w / total) for s, w in zip(states, weights)) for k in states[0]})
    return net.eval()
