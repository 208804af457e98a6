"""A support vector machine on any description of pictures, with deformed copies of the training pictures."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from sklearn.svm import SVC
from torch import Generator, Tensor

from compvis.baselines.calibration import fit_temperature
from compvis.baselines.contract import Baseline
from compvis.data.check import InputError
from compvis.networks.warps import HEAVY, Deformation

KERNELS = ("linear", "rbf")


@dataclass(kw_only=True, eq=False)
class KernelMachine(Baseline):
    """One kernel machine per class against the rest; a baseline adds `_describe`, its features.

    Deformed copies of the training pictures join the training set (the virtual examples of DeCoste &
    Schoelkopf 2002). What is kept are plain arrays, features, coefficients and intercepts, and the decision
    is computed from these. Probabilities are the softmax of the decision values over a temperature, which is
    fitted on held-out decisions of a cross-validation over the given pictures (a picture's copies stay in its
    fold) when every class has at least two; otherwise it is 0.5, half a margin.

    Args:
        kernel: "linear" or "rbf".
        c: the SVM's penalty C.
        gamma: the RBF kernel exp(-gamma |x - y|^2 / v), v the mean squared distance of the training features.
        copies: deformed copies of each picture.
        most: largest number of training pictures, copies included; fewer copies are made where needed.
        folds: folds of the cross-validation.
        augmentation: how the copies are deformed.
    """

    kernel: str = "rbf"
    c: float = 13.0
    gamma: float = 0.2
    copies: int = 20
    most: int = 4000
    folds: int = 3
    augmentation: Deformation = HEAVY

    @abstractmethod
    def _describe(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n d"]:
        """Features of framed pictures."""

    def _vary(self, images: Float[Tensor, "n *c S S"], generator: Generator) -> Float[Tensor, "n *c S S"]:
        """Deformed copies of pictures, each by a draw of its own."""
        return self.augmentation(images, generator)

    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        if self.kernel not in KERNELS:
            raise InputError(f"Unknown kernel {self.kernel!r}: choose one of {', '.join(KERNELS)}.")
        generator = torch.Generator(images.device).manual_seed(self.seed)
        copies = max(0, min(self.copies, self.most // len(images) - 1))
        origin = torch.arange(len(images), device=images.device).repeat(1 + copies)
        deformed = [self._vary(images, generator) for _ in range(copies)]
        self._features = self._describe(torch.cat([images, *deformed]))
        self._spread = _mean_square_distance(self._features)
        gram = self._compare(self._features)
        self._coefficients, self._intercepts = self._solve(gram, targets[origin])
        self._temperature = self._calibrate(gram, targets, origin, generator)
        used = self._coefficients.abs().sum(1) > 0
        self._features, self._coefficients = self._features[used], self._coefficients[used]

    def _scores(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        kernel = self._compare(self._describe(images))
        decisions = kernel @ self._coefficients.to(kernel.device) + self._intercepts.to(kernel.device)
        return decisions / self._temperature

    def _state(self) -> dict[str, Tensor]:
        return {
            "features": self._features,
            "coefficients": self._coefficients,
            "intercepts": self._intercepts,
            "spread_temperature": torch.tensor([self._spread, self._temperature], dtype=torch.float64),
        }

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._features = state["features"]
        self._coefficients = state["coefficients"]
        self._intercepts = state["intercepts"]
        self._spread, self._temperature = state["spread_temperature"].tolist()

    def _compare(self, features: Tensor) -> Tensor:
        """The kernel between features (n, d) and the kept ones (m, d): (n, m)."""
        kept = self._features.to(features.device)
        if self.kernel == "linear":
            return features @ kept.T / self._spread
        return torch.exp(-self.gamma / self._spread * torch.cdist(features, kept).square())

    def _solve(self, gram: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (n, C) and intercepts (C,) of one machine per class against the rest."""
        classes = len(self.classes_)
        kernel = gram.double().cpu().numpy()
        coefficients, intercepts = np.zeros((len(kernel), classes)), np.zeros(classes)
        for number in range(classes):
            machine = SVC(C=self.c, kernel="precomputed")
            machine.fit(kernel, (targets == number).cpu().numpy())
            coefficients[machine.support_, number] = machine.dual_coef_[0]
            intercepts[number] = machine.intercept_[0]
        pair = torch.from_numpy(coefficients), torch.from_numpy(intercepts)
        return pair[0].to(gram), pair[1].to(gram)

    def _calibrate(self, gram: Tensor, targets: Tensor, origin: Tensor, generator: Generator) -> float:
        prior = 0.5
        counts = torch.bincount(targets)
        if self.folds < 2 or int(counts.min()) < 2:
            return prior
        fold = _deal_folds(targets, min(self.folds, int(counts.min())), generator)
        held_out = gram.new_zeros(len(targets), len(self.classes_))
        for number in range(int(fold.max()) + 1):
            training = (fold[origin] != number).nonzero()[:, 0]
            left_out = (fold == number).nonzero()[:, 0]  # the pictures themselves come before their copies
            coefficients, intercepts = self._solve(gram[training][:, training], targets[origin[training]])
            held_out[left_out] = gram[left_out][:, training] @ coefficients + intercepts
        return fit_temperature(held_out, targets, prior)


def _deal_folds(targets: Tensor, folds: int, generator: Generator) -> Tensor:
    """A fold number per picture, every class dealt out evenly."""
    fold = torch.zeros_like(targets)
    for number in range(int(targets.max()) + 1):
        members = (targets == number).nonzero()[:, 0]
        shuffled = members[torch.randperm(len(members), generator=generator, device=members.device)]
        fold[shuffled] = torch.arange(len(members), device=members.device) % folds
    return fold


def _mean_square_distance(features: Tensor) -> float:
    """Mean of |x - y|^2 over all pairs: twice the total variance."""
    return max(float(2 * features.var(0, correction=0).sum()), 1e-6)
