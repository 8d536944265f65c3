"""What another department's radiographs may look like: exposure, geometry, detector, compression, processing.

Everything is drawn from one numpy generator, so that an epoch can be repeated. Images are [0, 255] float32.
The published test split of the paediatric set differs from its training split in acquisition, and a network
that has learnt the exposure, the framing or the compression of a class loses there; each step below takes away
one such cue. `perturbations` are fixed versions of them, for measuring.
"""

from __future__ import annotations

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .preprocessing import stretch

Batch = torch.Tensor


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Compresses and decodes again."""
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.round(image), 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer), dtype=np.float32)


def rescan(image: np.ndarray, side: int) -> np.ndarray:
    """Down to side × side and up again: a coarser detector or a picture of a picture."""
    picture = Image.fromarray(image.astype(np.float32), mode="F") if image.dtype != np.uint8 else Image.fromarray(image)
    small = picture.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small.resize(image.shape[::-1], Image.Resampling.BICUBIC), dtype=np.float32)


def affine(x: Batch, angle: np.ndarray, sx: np.ndarray, sy: np.ndarray, tx: np.ndarray, ty: np.ndarray, outside: str = "zeros") -> Batch:
    """Rotation in degrees, scales above 1 enlarge, shifts as shares of half the side; outside is black or the edge."""
    a = np.deg2rad(angle)
    theta = np.stack(
        [np.cos(a) / sx, -np.sin(a) / sx, tx, np.sin(a) / sy, np.cos(a) / sy, ty], axis=1
    ).reshape(-1, 2, 3)
    grid = F.affine_grid(torch.from_numpy(theta.astype(np.float32)), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=outside, align_corners=False)


def blur(x: Batch, sigma: float) -> Batch:
    """Gaussian, edges replicated."""
    radius = max(1, int(np.ceil(3 * sigma)))
    t = torch.arange(-radius, radius + 1, dtype=torch.float32)
    k = torch.exp(-0.5 * (t / sigma) ** 2)
    k = k / k.sum()
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="replicate"), k[None, None, None, :])
    return F.conv2d(F.pad(x, (0, 0, radius, radius), mode="replicate"), k[None, None, :, None])


def coarse(x: Batch, cells: int) -> Batch:
    """The slowly varying part, by pooling to cells × cells and interpolating."""
    return F.interpolate(F.adaptive_avg_pool2d(x, cells), size=x.shape[2:], mode="bicubic", align_corners=False)


def match_histogram(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The grey values of `other`, in the order of `image`'s pixels."""
    order = np.argsort(image, axis=None, kind="stable")  # radix sort for uint8
    out = np.empty(image.size, dtype=np.float32)
    out[order] = np.sort(other, axis=None)
    return out.reshape(image.shape)


def equalise(image: np.ndarray) -> np.ndarray:
    """A flat histogram; ties keep one value."""
    values, inverse = np.unique(np.round(image).astype(np.int32), return_inverse=True)
    shares = np.cumsum(np.bincount(inverse.ravel())) / image.size
    return (shares[inverse].reshape(image.shape) * 255).astype(np.float32) if len(values) > 1 else image


def amplitude_mix(x: Batch, other: Batch, share: Batch) -> Batch:
    """Keeps the phase and moves the log amplitude spectrum towards that of `other`: sharpness and texture of its
    acquisition without its anatomy."""
    a, b = torch.fft.rfft2(x), torch.fft.rfft2(other)
    difference = torch.log(b.abs() + 1e-3) - torch.log(a.abs() + 1e-3)
    smooth = F.avg_pool2d(F.pad(difference, (4, 4, 4, 4), mode="reflect"), 9, 1)
    return torch.fft.irfft2(a * torch.exp(share * smooth), s=x.shape[2:])


def augment(
    images: np.ndarray, pool: np.ndarray, rng: np.random.Generator, strength: float = 1.0, untouched: float = 0.0, unmoved: float = 0.0
) -> np.ndarray:
    """[B, H, W] uint8 to [B, H, W] float32 in [0, 255], unstretched. `pool` lends histograms and spectra, of either
    class alike, so that neither tells the class. A share `untouched` stays as it is, and of the rest a share `unmoved`
    keeps its geometry: without them the resampling itself becomes what the network expects."""
    n = len(images)
    still = rng.random(n) < unmoved
    whole = rng.random(n) < untouched
    chance = lambda p: rng.random(n) < p * min(1.0, strength)
    out = np.empty(images.shape, dtype=np.float32)
    squeeze, compress, matched, equal = chance(0.2), chance(0.3), chance(0.35), chance(0.08)
    for i, image in enumerate(images):
        y = image.astype(np.float32)
        if squeeze[i]:
            y = rescan(image, int(rng.integers(96, 200)))
        if matched[i]:
            y += float(rng.uniform(0.3, 1.0)) * (match_histogram(y, pool[rng.integers(len(pool))]) - y)
        elif equal[i]:
            y += float(rng.uniform(0.3, 1.0)) * (equalise(y) - y)
        if compress[i]:
            y = jpeg(y, int(rng.integers(20, 85)))
        out[i] = y
    x = torch.from_numpy(out)[:, None]
    s = strength
    zoom = np.exp(rng.normal(0, 0.09, n) * s)
    stretch_x = np.exp(rng.normal(0, 0.07, n) * s)
    moved = affine(
        x,
        rng.uniform(-10, 10, n) * s,
        zoom * stretch_x,
        zoom / stretch_x,
        rng.uniform(-0.12, 0.12, n) * s,
        rng.uniform(-0.12, 0.12, n) * s,
        "zeros" if rng.random() < 0.5 else "border",
    )
    x[~still] = moved[~still]
    column = lambda values: torch.from_numpy(np.asarray(values, dtype=np.float32))[:, None, None, None]
    x = x.clamp(0, 255) / 255
    x = x ** column(np.exp(rng.normal(0, 0.28, n) * s))
    centre = column(rng.uniform(0.35, 0.65, n))
    curve = torch.sigmoid((x - centre) * column(rng.uniform(3, 9, n)))
    x = torch.where(column(chance(0.25)) > 0, curve, x)
    x = (x - 0.5) * column(np.exp(rng.normal(0, 0.18, n) * s)) + 0.5 + column(rng.normal(0, 0.08, n) * s)
    field = torch.from_numpy(rng.normal(0, 0.12 * s, (n, 1, 3, 3)).astype(np.float32))
    field = F.interpolate(field, size=x.shape[2:], mode="bicubic", align_corners=False)
    x = torch.where(column(chance(0.4)) > 0, x * torch.exp(field), x)
    local = x - column(rng.uniform(0.2, 0.8, n)) * (coarse(x, int(rng.integers(4, 9))) - x.mean((1, 2, 3), keepdim=True))
    x = torch.where(column(chance(0.2)) > 0, local, x)
    chosen = torch.from_numpy(np.flatnonzero(chance(0.25)))
    if len(chosen):
        lent = torch.from_numpy(rng.integers(0, n, len(chosen)))
        x[chosen] = amplitude_mix(x[chosen], x[lent], column(rng.uniform(0.3, 1.0, len(chosen))))
    softened, sharpened = chance(0.2), chance(0.2)
    for change, amount in ((softened, 0.0), (sharpened & ~softened, float(rng.uniform(0.3, 1.2)))):
        chosen = torch.from_numpy(np.flatnonzero(change))
        if len(chosen):
            smooth = blur(x[chosen], float(rng.uniform(0.5, 1.8)))
            x[chosen] = x[chosen] + amount * (x[chosen] - smooth) if amount else smooth
    noise = torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))
    x = x + noise * column(np.where(chance(0.3), rng.uniform(0.005, 0.04, n), 0.0))
    x = x.clamp(0, 1) * 255
    for i in np.flatnonzero(chance(0.5)):
        for _ in range(int(rng.integers(1, 4))):
            h, w = rng.integers(12, 56, 2)
            if rng.random() < 0.7:  # at the border, where markers, letters and collimation lie
                top = int(rng.choice([0, images.shape[1] - h])) if rng.random() < 0.5 else int(rng.integers(0, images.shape[1] - h))
                left = int(rng.choice([0, images.shape[2] - w]))
            else:
                top, left = int(rng.integers(0, images.shape[1] - h)), int(rng.integers(0, images.shape[2] - w))
            x[i, 0, top : top + h, left : left + w] = float(rng.choice([0.0, rng.uniform(0, 255), 255.0], p=[0.5, 0.35, 0.15]))
    x[whole, 0] = torch.from_numpy(images[whole].astype(np.float32))
    return x[:, 0].numpy()


def elsewhere(images: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[B, H, W] uint8 as another department might have taken, processed and sent them, one change of exposure, one of
    framing and one of sharpness, each for three in five images: what the gates are to take for granted. Nothing is covered,
    and nothing is turned by more than 10 degrees. float32 in [0, 255], unstretched."""
    n = len(images)
    chosen = lambda count: np.where(rng.random(n) < 0.6, rng.integers(0, count, n), -1)
    exposure, framing, sharpness = chosen(4), chosen(1), chosen(6)
    out = np.empty(images.shape, dtype=np.float32)
    for i, image in enumerate(images):
        x = image.astype(np.float32)
        if exposure[i] == 0:
            x = (x / 255) ** float(np.exp(rng.uniform(np.log(0.55), np.log(1.8)))) * 255
        elif exposure[i] == 1:
            x = np.clip(x * rng.uniform(0.8, 1.4) + rng.uniform(-20, 25), 0, 255)
        elif exposure[i] == 2:
            x = x + float(rng.uniform(0.5, 1.0)) * (equalise(x) - x)
        elif exposure[i] == 3:
            x = x + float(rng.uniform(0.5, 1.0)) * (match_histogram(x, pool[rng.integers(len(pool))]) - x)
        out[i] = x
    zoom, aspect = np.exp(rng.uniform(np.log(0.82), np.log(1.22), n)), np.exp(rng.uniform(-0.13, 0.13, n))
    angle, right, down = rng.uniform(-10, 10, n), rng.uniform(-0.13, 0.13, n), rng.uniform(-0.13, 0.13, n)
    for edge in ("zeros", "border"):
        rows = np.flatnonzero((framing == 0) & (rng.random(n) < (0.6 if edge == "zeros" else 1)))
        framing[rows] = -1
        if len(rows):
            moved = affine(torch.from_numpy(out[rows])[:, None], angle[rows], (zoom * aspect)[rows], (zoom / aspect)[rows], right[rows], down[rows], edge)
            out[rows] = moved[:, 0].numpy()
    for i in np.flatnonzero(sharpness >= 0):
        x, one = out[i], torch.from_numpy(out[i])[None, None]
        if sharpness[i] == 0:
            x = jpeg(x, int(rng.integers(12, 70)))
        elif sharpness[i] == 1:
            x = rescan(x, int(rng.integers(80, 200)))
        elif sharpness[i] == 2:
            x = blur(one, float(rng.uniform(0.5, 1.8)))[0, 0].numpy()
        elif sharpness[i] == 3:
            x = x + float(rng.uniform(0.3, 1.2)) * (x - blur(one, 1.5)[0, 0].numpy())
        elif sharpness[i] == 4:
            x = x + rng.normal(0, rng.uniform(1, 6), x.shape)
        else:
            lent = torch.from_numpy(pool[rng.integers(len(pool))].astype(np.float32))[None, None]
            x = amplitude_mix(one, lent, torch.full((1, 1, 1, 1), float(rng.uniform(0.5, 1.0))))[0, 0].numpy()
        out[i] = x
    return np.clip(out, 0, 255)


def _batched(change):
    return lambda images, pool: change(torch.from_numpy(images.astype(np.float32))[:, None])[:, 0].numpy()


def _each(change):
    return lambda images, pool: np.stack([change(i.astype(np.float32)) for i in images])


def _framed(angle=0.0, sx=1.0, sy=1.0, tx=0.0, ty=0.0):
    return _batched(lambda x: affine(x, *(np.full(len(x), v) for v in (angle, sx, sy, tx, ty))))


def _noisy(deviation: float):
    return lambda images, pool: images + np.random.default_rng(7).normal(0, deviation, images.shape)


def _matched(images: np.ndarray, pool: np.ndarray) -> np.ndarray:
    lent = np.random.default_rng(11).integers(0, len(pool), len(images))
    return np.stack([match_histogram(i.astype(np.float32), pool[j]) for i, j in zip(images, lent)])


def _spectrum(images: np.ndarray, pool: np.ndarray) -> np.ndarray:
    lent = np.random.default_rng(13).integers(0, len(pool), len(images))
    x, o = (torch.from_numpy(a.astype(np.float32))[:, None] for a in (images, pool[lent]))
    return amplitude_mix(x, o, torch.ones(len(x), 1, 1, 1))[:, 0].numpy()


# name -> change of [B, H, W] in [0, 255]; the stretch of the package follows
PERTURBATIONS = {
    "gamma 0.6": _each(lambda x: (x / 255) ** 0.6 * 255),
    "gamma 1.6": _each(lambda x: (x / 255) ** 1.6 * 255),
    "low contrast and 16 levels": _each(lambda x: np.floor((x * 0.35 + 90) / 6) * 6),
    "overexposed": _each(lambda x: np.clip(x * 1.35 + 20, 0, 255)),
    "equalised": _each(equalise),
    "histogram of another image": _matched,
    "spectrum of another image": _spectrum,
    "cropped by a tenth": _framed(sx=1.2, sy=1.2),
    "smaller in the frame": _framed(sx=0.85, sy=0.85),
    "wide": _framed(sx=1.15, sy=0.9),
    "tall": _framed(sx=0.9, sy=1.15),
    "shifted": _framed(tx=0.12, ty=-0.12),
    "turned by 8 degrees": _framed(angle=8.0),
    "JPEG quality 20": _each(lambda x: jpeg(x, 20)),
    "96 pixels": _each(lambda x: rescan(x, 96)),
    "blurred": _batched(lambda x: blur(x, 1.5)),
    "sharpened": _batched(lambda x: x + 1.0 * (x - blur(x, 1.5))),
    "mild noise": _noisy(4),
    "noisy": _noisy(8),
    "border covered": _each(lambda x: np.pad(x[20:-20, 20:-20], 20)),
}


def _covered(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A black frame over the outer parts of the lungs, 14 to 29 of 224 pixels wide, of one or of four widths."""
    out = np.zeros_like(images)
    for i, image in enumerate(images):
        top, bottom, left, right = rng.integers(14, 30, 4) if rng.random() < 0.5 else np.repeat(rng.integers(14, 30), 4)
        out[i, top:-bottom, left:-right] = image[top:-bottom, left:-right]
    return out


def _upside_down(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by 180 degrees or flipped top to bottom, by chance."""
    return np.where(rng.random(len(images))[:, None, None] < 0.5, images[:, ::-1], images[:, ::-1, ::-1])


# kind of wrong picture, as a detector is named -> what makes one of right ones
WRONG = {
    "upside down": _upside_down,
    "mirrored": lambda images, rng: images[:, :, ::-1].copy(),
    "covered": _covered,
}

# what another department may well do; the others take away what is needed to judge
HARSH = ("low contrast and 16 levels", "noisy", "border covered")


def perturb(images: np.ndarray, name: str, pool: np.ndarray) -> np.ndarray:
    """[B, H, W] float32 in [0, 255]."""
    return np.clip(PERTURBATIONS[name](images, pool), 0, 255).astype(np.float32)


def stretch_all(images: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """The package's stretch on every image."""
    return np.stack([stretch(i, lower, upper) for i in images.astype(np.float64)]).astype(np.float32)
