"""Nearest neighbours: what the distances share, and plain pixels with small shifts."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from compvis.baselines.calibration import fit_temperature
from compvis.baselines.contract import Baseline
from compvis.baselines.hog import blur_images


@dataclass(kw_only=True, eq=False)
class NearestNeighbour(Baseline):
    """A class is as far as the mean of its nearest `neighbours`; a distance adds `_prepare` and `_measure`.

    Probabilities are the softmax of minus the distances over a temperature, fitted on the leave-one-out
    distances of the learned pictures when every class has at least two; otherwise it is a tenth of the mean
    distance to the nearest other picture.

    Args:
        neighbours: how many of a class's nearest pictures count.
        blur: Gaussian blur of all pictures, in pixels.
    """

    neighbours: int = 1
    blur: float = 0.0

    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        self._images, self._targets = images, targets
        self._prepare(blur_images(images, self.blur))
        parts = images.split(self.chunk)
        distances = torch.cat([self._measure(blur_images(part, self.blur)) for part in parts])
        distances.fill_diagonal_(torch.inf)
        prior = 0.1 * max(float(distances.amin(1).clamp(max=1e6).mean()), 1e-6)
        self._temperature = prior
        if int(torch.bincount(targets).min()) > 1:
            # A picture is not its own neighbour: its class has one picture less for it.
            seen = self._clipped(distances).fill_diagonal_(torch.inf)
            self._temperature = fit_temperature(-self._by_class(seen, spare=1), targets, prior)

    def _scores(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        return (
            -self._by_class(self._clipped(self._measure(blur_images(images, self.blur)))) / self._temperature
        )

    def _state(self) -> dict[str, Tensor]:
        return {
            "images": self._images,
            "targets": self._targets,
            "temperature": torch.tensor(self._temperature, dtype=torch.float64),
        }

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._images, self._targets = state["images"], state["targets"]
        self._temperature = float(state["temperature"])
        self._prepare(blur_images(self._images, self.blur))

    @staticmethod
    def _clipped(distances: Tensor) -> Tensor:
        """Pictures that were not near enough to be compared are as far as the farthest compared one."""
        farthest = distances.masked_fill(distances.isinf(), 0).amax(1, keepdim=True)
        return torch.minimum(distances, farthest)

    def _by_class(self, distances: Tensor, spare: int = 0) -> Tensor:
        """Mean distances of each class's nearest pictures, of which all but `spare` may be asked for."""
        columns = []
        for number in range(len(self.classes_)):
            own = distances[:, (self._targets == number).to(distances.device)]
            nearest = own.topk(min(self.neighbours, own.shape[1] - spare), dim=1, largest=False).values
            columns.append(nearest.mean(1))
        return torch.stack(columns, 1)

    @abstractmethod
    def _prepare(self, images: Float[Tensor, "m *c S S"]) -> None:
        """Take in the learned pictures, blurred."""

    @abstractmethod
    def _measure(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n m"]:
        """Distances from blurred pictures to the learned ones, infinite where not worth comparing."""


@dataclass(kw_only=True, eq=False)
class PixelNearestClassifier(NearestNeighbour):
    """Euclidean distance of pixels, the smallest over small shifts of the asked picture.

    Other arguments are those of `NearestNeighbour`.

    Args:
        shift: largest shift in pixels, in x and in y.
        unit: scale every picture to unit norm first, so that the distance is the angle's.
    """

    shift: int = 2
    blur: float = 1.4
    unit: bool = True
    neighbours: int = 3

    def _prepare(self, images: Float[Tensor, "m *c S S"]) -> None:
        self._vectors = self._flatten(images)

    def _measure(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n m"]:
        vectors = self._vectors.to(images.device)
        best = images.new_full((len(images), len(vectors)), torch.inf)
        for dy in range(-self.shift, self.shift + 1):
            for dx in range(-self.shift, self.shift + 1):
                moved = self._flatten(shift_images(images, dx, dy))
                best = torch.minimum(best, torch.cdist(moved, vectors))
        return best

    def _flatten(self, images: Tensor) -> Tensor:
        flat = images.flatten(1)
        return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-6) if self.unit else flat


def shift_images(images: Float[Tensor, "n *c H W"], dx: int, dy: int) -> Float[Tensor, "n *c H W"]:
    """Move pictures by whole pixels (x right, y down); zeros come in."""
    height, width = images.shape[-2:]
    moved = torch.zeros_like(images)
    if abs(dx) < width and abs(dy) < height:
        moved[..., max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = images[
            ..., max(0, -dy) : height - max(0, dy), max(0, -dx) : width - max(0, dx)
        ]
    return moved
