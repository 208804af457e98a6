"""What all networks among the baselines have in common: how they are taught and asked."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from compvis.baselines.contract import Baseline
from compvis.baselines.preparation import frame_ink
from compvis.networks.training import (
    Progress,
    ask_views,
    build_optimizer,
    draw_batches,
    normalise,
    place_network,
    seed_layers,
    train,
)
from compvis.networks.warps import HEAVY, Deformation


@dataclass(kw_only=True, eq=False)
class NetworkClassifier(Baseline):
    """A network trained from scratch; subclasses say which one in `_build`.

    The budget is a number of steps, not of epochs, so that ten images and a thousand get the same training.

    Args:
        width: channels of the first stage.
        steps: optimiser steps.
        batch: deformed pictures per step, drawn evenly from the training pictures.
        learning_rate: the peak; it rises linearly over the first 5% of the steps and falls as a cosine to 0.
        weight_decay: decoupled for adamw, L2 for sgd; not on biases and normalisation.
        optimizer: "adamw" or "sgd" (Nesterov momentum 0.9).
        label_smoothing: share of the target spread evenly over the classes (Szegedy et al. 2016, section 7).
        dropout: before the last layer.
        average: decay of the exponential moving average of the weights that is kept in the end.
        augmentation: deformation of the training pictures; None for none.
        views: pictures averaged at prediction, the first one undeformed.
        view_strength: the deformation of the other views, as a share of `augmentation`.
        progress: called during training; not saved.
    """

    width: int = 24
    steps: int = 800
    batch: int = 64
    learning_rate: float = 6.5e-3
    weight_decay: float = 1e-3
    optimizer: str = "adamw"
    label_smoothing: float = 0.2
    dropout: float = 0.2
    average: float = 0.98
    augmentation: Deformation | None = HEAVY
    views: int = 8
    view_strength: float = 0.3
    progress: Progress | None = field(default=None, repr=False, metadata={"saved": False})

    chunk: ClassVar[int] = 128

    def _build(self, classes: int) -> nn.Module:
        raise NotImplementedError

    def _channels(self) -> int:
        """How many channels `_inputs` gives."""
        return 1

    def _inputs(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n d S S"]:
        """What the network sees of framed pictures."""
        return normalise(images)

    def _vary(self, images: Float[Tensor, "n *c S S"], generator: Generator) -> Float[Tensor, "n *c S S"]:
        """Training pictures as they are shown: each by a draw of its own."""
        return images if self.augmentation is None else self.augmentation(images, generator)

    def logits(self, images: Any) -> Float[Tensor, "n C"]:
        """What `predict_proba` is the softmax of, with gradients to the images: (n, H, W) or (n, H, W, 3).

        Raises:
            InputError: images that cannot be used, or a model that was not fitted.
        """
        self._require_fit()
        return self._ask(frame_ink(self._checked(images), self.size, self.frame))

    def _fit(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"]) -> None:
        self._network = self._train(images, targets, self.seed)

    @torch.no_grad()
    def _scores(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        return self._ask(images)

    def _ask(self, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        """`_scores` with gradients."""
        return self._ask_network(self._network, images)

    def _train(self, images: Float[Tensor, "n *c S S"], targets: Int64[Tensor, "n"], seed: int) -> nn.Module:
        """One network, trained from the seed's initial weights on its stream of changed pictures."""
        generator = torch.Generator(images.device).manual_seed(seed)
        batches = draw_batches(len(images), self.batch, generator)
        with seed_layers(seed, images.device):
            network = place_network(self._build(len(self.classes_)), images.device)

            def loss_of_batch() -> Tensor:
                chosen = next(batches)
                logits = network(self._inputs(self._vary(images[chosen], generator)))
                return F.cross_entropy(logits, targets[chosen], label_smoothing=self.label_smoothing)

            optimizer = build_optimizer(network, self.optimizer, self.learning_rate, self.weight_decay)
            return train(network, loss_of_batch, optimizer, self.steps, self.average, self.progress)

    def _ask_network(self, network: nn.Module, images: Float[Tensor, "n *c S S"]) -> Float[Tensor, "n C"]:
        """Mean log-probability over the views."""
        warp = self.augmentation and self.augmentation.scaled(self.view_strength)
        return ask_views(network.to(images.device), images, self._inputs, warp, self.views)

    def _state(self) -> dict[str, Tensor]:
        return dict(self._network.state_dict())

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._network = self._rebuild(state)

    def _rebuild(self, state: dict[str, Tensor]) -> nn.Module:
        """A network with the given weights, ready to be asked."""
        with seed_layers(self.seed, torch.device("cpu")):
            network = place_network(self._build(len(self.classes_)), torch.device("cpu")).eval()
        network.load_state_dict(state)
        return network
