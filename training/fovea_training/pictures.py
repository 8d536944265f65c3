"""Chest radiographs of nobody: a statistical model of shape and appearance, fitted to the training split.

Images are registered group-wise to their mean (a coarse grid of control points each), shape (the displacements) and
appearance (the registered images) get principal components of their own, and a picture is a draw from both, warped
back (Cootes, Edwards, Taylor 2001, active appearance models). Registration is what keeps ribs and diaphragm sharp,
where components of raw images give ghosts. What the components leave out, fine texture, is put back as noise with the residual's own
spectrum and local strength. A draw is a combination of hundreds of children; `nearest` measures that it is no copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

GRID = 13
WORK = 112
# a draw mixes the appearance of this many registered images
MIXED = 6
# share of each side cut off a draw, where warping has nothing to take from
RIM = 0.05


def _local(x: torch.Tensor) -> torch.Tensor:
    """Locally normalised: registration should follow edges, not exposure."""
    pooled = lambda t: F.avg_pool2d(F.pad(t, (12, 12, 12, 12), mode="reflect"), 25, 1)
    mean = pooled(x)
    deviation = torch.sqrt(torch.clamp(pooled(x * x) - mean * mean, min=1e-4))
    return (x - mean) / (deviation + 0.05)


def _field(control: torch.Tensor, side: int) -> torch.Tensor:
    """[B, 2, g, g] displacements in grid units to [B, side, side, 2]."""
    return F.interpolate(control, size=(side, side), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)


def _identity(side: int) -> torch.Tensor:
    t = (torch.arange(side, dtype=torch.float32) + 0.5) / side * 2 - 1
    return torch.stack(torch.meshgrid(t, t, indexing="xy"), dim=-1)[None]


def _sample(x: torch.Tensor, at: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    return F.grid_sample(x, at, mode=mode, padding_mode="border", align_corners=False)


def register(images: torch.Tensor, rounds: int = 4, steps: int = 40, stiffness: float = 1.5) -> torch.Tensor:
    """[B, 1, WORK, WORK] in [0, 1] to control displacements [B, 2, GRID, GRID]: image(u + d(u)) looks like the mean."""
    control = torch.zeros(len(images), 2, GRID, GRID)
    features = _local(images)
    identity = _identity(WORK)
    for turn in range(rounds):
        with torch.no_grad():
            warped = torch.cat([
                _sample(features[i : i + 64], identity + _field(control[i : i + 64], WORK)) for i in range(0, len(images), 64)
            ])
            template = warped.mean(0, keepdim=True)
            template = template / template.std() * 0.8
        for i in range(0, len(images), 64):
            part = control[i : i + 64].clone().requires_grad_(True)
            optimiser = torch.optim.Adam([part], lr=0.02 / (1 + turn))
            for _ in range(steps):
                moved = _sample(features[i : i + 64], identity + _field(part, WORK))
                bend = (part[:, :, 1:] - part[:, :, :-1]).square().mean() + (part[..., 1:] - part[..., :-1]).square().mean()
                loss = ((moved - template).square().mean() + stiffness * 8 * bend + 0.1 * part.square().mean()) * len(part)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            control[i : i + 64] = part.detach()
        control = control - control.mean(0, keepdim=True)
        print(f"registration {turn + 1}/{rounds}", flush=True)
    return control


@dataclass
class Appearance:
    """Mean, components (rows of length 1) and the deviation along each, of shape and of appearance; the texture left over."""

    side: int
    shape_mean: np.ndarray
    shape_basis: np.ndarray
    shape_deviation: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    deviation: np.ndarray
    class_codes: np.ndarray
    class_labels: np.ndarray
    spectrum: np.ndarray
    strength: np.ndarray

    def draw(self, rng: np.random.Generator, label: float, spread: float = 0.8, texture: float = 0.3) -> np.ndarray:
        """[side, side] in [0, 255]. `label` 0 is normal, 1 pneumonia, between: between the classes' means."""
        cut = lambda n: np.clip(rng.standard_normal(n), -1.8, 1.8)
        code = np.zeros(self.class_codes.shape[1])
        for k, share in ((0, 1 - label), (1, label)):
            codes = self.class_codes[self.class_labels == k]
            weights = rng.dirichlet(np.ones(MIXED))
            mixed = weights @ (codes[rng.permutation(len(codes))[:MIXED]] - codes.mean(0))
            code += share * (codes.mean(0) + spread * mixed / np.linalg.norm(weights))
        image = (self.mean + code @ self.basis).reshape(self.side, self.side)
        noise = np.fft.irfft2(self.spectrum * np.exp(2j * np.pi * rng.random(self.spectrum.shape)), s=image.shape)
        image = image + texture * noise / noise.std() * self.strength
        control = self.shape_mean + (cut(len(self.shape_deviation)) * self.shape_deviation * spread) @ self.shape_basis
        forward = torch.from_numpy(control.astype(np.float32)).reshape(1, 2, GRID, GRID)
        identity = _identity(self.side)
        field = _field(forward, self.side).permute(0, 3, 1, 2)
        back = torch.zeros_like(identity)
        for _ in range(12):  # fixed point of back(x) = -d(x + back(x))
            back = -_sample(field, identity + back).permute(0, 2, 3, 1)
        x = torch.from_numpy(image.astype(np.float32))[None, None]
        identity = identity * (1 - 2 * RIM)
        back = _sample(back.permute(0, 3, 1, 2), identity).permute(0, 2, 3, 1)
        out = _sample(x, identity + back, "bicubic")[0, 0].numpy() * 255
        return np.clip(out, 0, 255)


def fit(images: np.ndarray, labels: np.ndarray, per_class: int, rank: int, shape_rank: int, seed: int) -> Appearance:
    """`images` [n, side, side] uint8, one a patient at best; `per_class` are drawn from each label."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in (0, 1)])
    side = images.shape[1]
    x = torch.from_numpy(images[chosen].astype(np.float32) / 255)[:, None]
    low, high = (torch.quantile(x.flatten(1), q, dim=1)[:, None, None, None] for q in (0.01, 0.99))
    x = ((x - low) / (high - low + 1e-3)).clamp(0, 1)
    control = register(F.interpolate(x, size=(WORK, WORK), mode="area"))
    identity = _identity(side)
    aligned = torch.cat([_sample(x[i : i + 64], identity + _field(control[i : i + 64], side), "bicubic") for i in range(0, len(x), 64)])
    a = aligned.flatten(1).numpy()
    mean = a.mean(0)
    basis, deviation = _components(a - mean, rank)
    codes = (a - mean) @ basis.T
    residual = ((a - mean) - codes @ basis).reshape(-1, side, side)
    spectrum = np.sqrt(np.mean(np.abs(np.fft.rfft2(residual)) ** 2, axis=0))
    strength = residual.std(0)
    strength = F.avg_pool2d(F.pad(torch.from_numpy(strength)[None, None], (4,) * 4, mode="reflect"), 9, 1)[0, 0].numpy()
    c = control.flatten(1).numpy()
    shape_basis, shape_deviation = _components(c - c.mean(0), shape_rank)
    return Appearance(side, c.mean(0), shape_basis, shape_deviation, mean, basis, deviation, codes, labels[chosen], spectrum, strength)


def _components(x: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading principal directions by the Gram matrix (fewer images than pixels), and deviations along them."""
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64)) if len(x) < x.shape[1] else np.linalg.eigh((x.T @ x).astype(np.float64))
    order = np.argsort(values)[::-1][:rank]
    if len(x) < x.shape[1]:
        basis = (vectors[:, order].T @ x) / np.sqrt(np.maximum(values[order], 1e-12))[:, None]
    else:
        basis = vectors[:, order].T
    return basis.astype(np.float32), np.sqrt(np.maximum(values[order], 0) / len(x))


def enlarge(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Bicubic, in [0, 255]."""
    x = torch.from_numpy(image.astype(np.float32))[None, None]
    out = F.interpolate(x, size=(rows, columns), mode="bicubic", align_corners=False)[0, 0].numpy()
    return np.clip(out, 0, 255)


def nearest(features: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Euclidean feature distance of each row to the nearest training image."""
    squares = (features**2).sum(1)[:, None] - 2 * features @ training.T + (training**2).sum(1)[None]
    return np.sqrt(np.maximum(squares.min(1), 0))


def between_patients(training: np.ndarray, patients: np.ndarray) -> tuple[float, float]:
    """1st percentiles over pairs of training images of different patients: of all distances, and of nearest distances."""
    x = training.astype(np.float64)
    square = (x**2).sum(1)
    _, code = np.unique(patients, return_inverse=True)
    histogram, closest = [], np.empty(len(x))
    for i in range(0, len(x), 256):
        d = np.maximum(square[i : i + 256, None] - 2 * x[i : i + 256] @ x.T + square[None], 0)
        other = code[i : i + 256, None] != code[None]
        d = np.sqrt(d)
        histogram.append(np.sort(d[other])[:: 97])  # every 97th order statistic keeps the percentile
        d[~other] = np.inf
        closest[i : i + 256] = d.min(1)
    return float(np.percentile(np.concatenate(histogram), 1)), float(np.percentile(closest, 1))
