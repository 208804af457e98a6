"""The scattering transform: wavelets, moduli, averages, twice; nothing in it is learned.

Source: Bruna & Mallat 2013, Invariant Scattering Convolution Networks, TPAMI 35, sections 2 and 3. Morlet wavelets with
the parameters of Andreux et al. 2020 (Kymatio, JMLR 21): sigma 0.8 * 2^j, centre frequency 3/4 pi / 2^j, slant 4 / L.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from compvis.data.check import InputError

_SIGMA = 0.8
_FREQUENCY = 0.75 * math.pi
_PART = 64  # pictures transformed at once, which bounds the memory


def scatter(images: Float[Tensor, "n S S"], scales: int, orientations: int) -> Float[Tensor, "n k m m"]:
    """Scattering coefficients of orders 0, 1 and 2.

    Args:
        images: any real planes.
        scales: J; averages are over 2^J pixels, and of every 2^J pixels a side one value is kept.
        orientations: L, over half a turn.

    Returns:
        k = 1 + J L + L^2 J (J - 1) / 2 channels of m x m values, m = ceil(S / 2^J).

    Raises:
        InputError: fewer than one scale or orientation, or a picture smaller than 2^J.
    """
    size = images.shape[-1]
    if scales < 1 or orientations < 1 or size < 2**scales:
        raise InputError(
            f"Scattering {size} pixels needs 1 or more scales with 2^scales <= {size} and 1 or more orientations."
        )
    margin = 2**scales
    side = size + 2 * margin + (-size) % margin
    low, waves = build_filters(side, scales, orientations)
    low, waves = low.to(images.device), waves.to(images.device)
    return torch.cat([_scatter(part, low, waves, side, margin) for part in images.split(_PART)])


def _scatter(images: Tensor, low: Tensor, waves: Tensor, side: int, margin: int) -> Tensor:
    size = images.shape[-1]
    after = side - size - margin
    padded = F.pad(images[:, None], (margin, after, margin, after), mode="replicate")[:, 0]
    spectrum = torch.fft.fft2(padded)
    found = [_average(spectrum, low, margin, size)]
    first = [_modulus(spectrum, waves[j]) for j in range(len(waves))]
    found += [_average(u, low, margin, size) for u in first]
    # Only paths towards coarser scales carry energy worth keeping (section 2.3 of the source).
    for j, u in enumerate(first):
        for coarser in range(j + 1, len(waves)):
            for orientation in range(u.shape[1]):
                found.append(_average(_modulus(u[:, orientation], waves[coarser]), low, margin, size))
    return torch.cat(found, 1)


def _modulus(spectrum: Tensor, waves: Tensor) -> Tensor:
    """Spectra (n, L, side, side) of |x * psi| for the L waves of one scale."""
    return torch.fft.fft2(torch.fft.ifft2(spectrum[:, None] * waves).abs())


def _average(spectrum: Tensor, low: Tensor, margin: int, size: int) -> Tensor:
    """Averages at the centres of blocks of `margin` pixels, (n, channels, m, m)."""
    smooth = torch.fft.ifft2(spectrum * low).real
    smooth = smooth[:, None] if smooth.ndim == 3 else smooth
    start = margin + margin // 2
    count = -(-size // margin)
    stop = start + margin * count
    return smooth[..., start:stop:margin, start:stop:margin]


@lru_cache(maxsize=8)
def build_filters(
    side: int, scales: int, orientations: int
) -> tuple[Float[Tensor, "side side"], Float[Tensor, "J L side side"]]:
    """Fourier transforms (real) of the low-pass filter and of the Morlet wavelets, on a periodic grid."""
    waves = torch.stack(
        [
            torch.stack([_morlet(side, scale, turn, orientations) for turn in range(orientations)])
            for scale in range(scales)
        ]
    )
    low = _periodic(side, lambda u, v: torch.exp(-((_SIGMA * 2 ** (scales - 1)) ** 2) * (u**2 + v**2) / 2))
    return low.float(), waves.float()


def _morlet(side: int, scale: int, turn: int, orientations: int) -> Tensor:
    sigma, centre, slant = _SIGMA * 2**scale, _FREQUENCY / 2**scale, 4 / orientations
    angle = math.pi * turn / orientations

    def gauss(u: Tensor, v: Tensor, offset: float) -> Tensor:
        along = math.cos(angle) * u + math.sin(angle) * v - offset
        across = -math.sin(angle) * u + math.cos(angle) * v
        return torch.exp(-(sigma**2) * (along**2 + (across / slant) ** 2) / 2)

    wave = _periodic(side, lambda u, v: gauss(u, v, centre))
    envelope = _periodic(side, lambda u, v: gauss(u, v, 0.0))
    return wave - envelope * (wave[0, 0] / envelope[0, 0])  # a wavelet has no mean


def _periodic(side: int, spectrum) -> Tensor:
    """A spectrum summed over its aliases, on the frequencies of an FFT."""
    frequency = 2 * math.pi * torch.fft.fftfreq(side, dtype=torch.float64)
    turns = [2 * math.pi * k for k in (-2, -1, 0, 1, 2)]
    parts = [spectrum(frequency[None, :] + dx, frequency[:, None] + dy) for dx in turns for dy in turns]
    return torch.stack(parts).sum(0)
