"""A prototypical network: one-shot classification by distances that were learned on other characters."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn

from compvis.baselines.contract import Baseline, encode_labels
from compvis.baselines.preparation import frame_ink
from compvis.data.check import InputError, check_labels
from compvis.networks.training import Progress, build_optimizer, normalise, place_network, seed_layers, train
from compvis.networks.warps import LIGHT, Deformation


@dataclass(kw_only=True, eq=False)
class PrototypicalClassifier(Baseline):
    """Distances to class means in a learned space (Snell, Swersky & Zemel 2017).

    `pretrain` teaches the space on background characters, which have nothing to do with the classes of `fit`;
    `fit` only embeds the given pictures and averages them per class. Quarter turns of the background
    characters count as characters of their own (Santoro et al. 2016). Every training episode is used both
    ways: either half of the pictures is the support of the other.

    Args:
        width: channels of the four convolution blocks (Vinyals et al. 2016, section 4.1).
        ways: characters per episode.
        pairs: pictures of a character in each half of an episode.
        steps: episodes.
        alphabet_share: share of episodes whose characters come from one group (with `groups` in `pretrain`),
            as in Omniglot's within-alphabet task; the others mix all characters.
        learning_rate: peak of AdamW's schedule.
        weight_decay: decoupled weight decay.
        average: decay of the weights' moving average.
        temperature: the squared distances are divided by it, in training and in probabilities.
        augmentation: deformation of background pictures; None for none.
        views: embeddings of this many deformed views are averaged, in `fit` and in answers; 1 for none.
        progress: called during `pretrain`; not saved.
    """

    size: int = 28
    frame: str = "ink"
    width: int = 48
    ways: int = 32
    pairs: int = 2
    steps: int = 2000
    alphabet_share: float = 0.5
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    average: float = 0.98
    temperature: float = 16.0
    augmentation: Deformation | None = LIGHT
    views: int = 8
    progress: Progress | None = field(default=None, repr=False, metadata={"saved": False})

    chunk: ClassVar[int] = 128

    def pretrain(self, images: Any, labels: Any, groups: Any = None) -> "PrototypicalClassifier":
        """Learn the space from background characters.

        Args:
            images: background pictures, as in `fit`.
            labels: which character each picture shows.
            groups: the alphabet of each picture (integers), for episodes within one alphabet.

        Raises:
            InputError: unusable images or labels, or fewer than two characters with two or more pictures.
        """
        checked = self._checked(images)
        _, characters = encode_labels(labels, len(checked))
        alphabets = None if groups is None else check_labels(groups, len(checked), minimum_classes=1)
        framed = frame_ink(checked, self.size, self.frame)
        generator = torch.Generator(framed.device).manual_seed(self.seed)
        with seed_layers(self.seed, framed.device):
            network = place_network(self._build(), framed.device)
        episodes = _Episodes(characters, alphabets, self.ways, self.pairs, self.alphabet_share)

        def loss_of_episode() -> Tensor:
            chosen, turns = episodes.draw(generator)
            pictures = framed[chosen.flatten().to(framed.device)]
            if self.augmentation is not None:
                pictures = self.augmentation(pictures, generator)
            pictures = turn_quarters(pictures, turns.repeat_interleave(chosen[0].numel()))
            embedded = network(normalise(pictures)).reshape(*chosen.shape, -1)
            return self._episode_loss(embedded)

        optimizer = build_optimizer(network, "adamw", self.learning_rate, self.weight_decay)
        self._network = train(network, loss_of_episode, optimizer, self.steps, self.average, self.progress)
        if hasattr(self, "classes_"):  # prototypes of an earlier network are of another space
            del self.classes_
        return self

    def _episode_loss(self, embedded: Float[Tensor, "w 2 p d"]) -> Float[Tensor, ""]:
        """Cross-entropy of each half's pictures given the other half's means."""
        ways, _, pairs, _ = embedded.shape
        targets = torch.arange(ways, device=embedded.device).repeat_interleave(pairs)
        means = embedded.mean(2)
        losses = []
        for half in range(2):
            logits = self._compare(embedded[:, half].flatten(0, 1), means[:, 1 - half])
            losses.append(F.cross_entropy(logits, targets))
        return torch.stack(losses).mean()

    def _compare(self, embedded: Tensor, means: Tensor) -> Tensor:
        squares = embedded.square().sum(1)[:, None] + means.square().sum(1) - 2 * embedded @ means.T
        return -squares / self.temperature

    def _build(self) -> nn.Module:
        layers: list[nn.Module] = []
        for inputs in (1, self.width, self.width, self.width):
            layers += [
                nn.Conv2d(inputs, self.width, 3, padding=1, bias=False),
                nn.BatchNorm2d(self.width),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        return nn.Sequential(*layers, nn.Flatten())

    def _fit(self, images: Float[Tensor, "n S S"], targets: Int64[Tensor, "n"]) -> None:
        if not hasattr(self, "_network"):
            raise InputError(
                "A prototypical network must see background characters first: call pretrain before fit."
            )
        embedded = torch.cat([self._embed(part) for part in images.split(self.chunk)])
        sums = embedded.new_zeros(len(self.classes_), embedded.shape[1]).index_add_(0, targets, embedded)
        self._prototypes = sums / torch.bincount(targets)[:, None]

    @torch.no_grad()
    def _embed(self, images: Float[Tensor, "n S S"]) -> Float[Tensor, "n d"]:
        network = self._network.to(images.device)
        total = network(normalise(images))
        if self.augmentation is None or self.views <= 1:
            return total
        for view in range(1, self.views):
            generator = torch.Generator(images.device).manual_seed(view)
            total = total + network(normalise(self.augmentation(images, generator, together=True)))
        return total / self.views

    def _scores(self, images: Float[Tensor, "n S S"]) -> Float[Tensor, "n C"]:
        return self._compare(self._embed(images), self._prototypes.to(images.device))

    def _state(self) -> dict[str, Tensor]:
        return {"prototypes": self._prototypes} | {
            f"network.{name}": tensor for name, tensor in self._network.state_dict().items()
        }

    def _restore(self, state: dict[str, Tensor]) -> None:
        self._prototypes = state.pop("prototypes")
        with seed_layers(self.seed, torch.device("cpu")):
            self._network = place_network(self._build(), torch.device("cpu")).eval()
        self._network.load_state_dict({name.removeprefix("network."): t for name, t in state.items()})


def turn_quarters(images: Float[Tensor, "n S S"], turns: Int64[Tensor, "n"]) -> Float[Tensor, "n S S"]:
    """Turn each picture by its own number of quarter turns."""
    turned = images.clone()
    for quarters in range(1, 4):
        chosen = turns == quarters
        turned[chosen] = torch.rot90(images[chosen], quarters, (1, 2))
    return turned


class _Episodes:
    """Draws episodes: `ways` characters, 2 x `pairs` different pictures of each, a turn for each."""

    def __init__(
        self, characters: Tensor, alphabets: Tensor | None, ways: int, pairs: int, alphabet_share: float
    ) -> None:
        rows = characters.cpu().numpy()
        members = [np.flatnonzero(rows == number) for number in range(int(rows.max()) + 1)]
        self._members = [torch.from_numpy(m) for m in members if len(m) >= 2]
        if len(self._members) < 2:
            raise InputError("The background needs at least two characters with two or more pictures each.")
        self._pairs = min(pairs, min(len(m) for m in self._members) // 2)
        self._ways = min(ways, len(self._members))
        self._groups: list[Tensor] = []
        if alphabets is not None:
            group = alphabets.cpu()[torch.stack([m[0] for m in self._members])]
            self._groups = [(group == g).nonzero()[:, 0] for g in torch.unique(group)]
            self._groups = [g for g in self._groups if len(g) >= 2]
        self._share = alphabet_share if self._groups else 0.0

    def draw(self, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return rows (ways, 2, pairs) of pictures and quarter turns (ways,), on the generator's device."""
        device = generator.device
        if float(torch.rand((), generator=generator, device=device)) < self._share:
            pick = int(torch.randint(len(self._groups), (), generator=generator, device=device))
            pool, same_turn = self._groups[pick], True
        else:
            pool, same_turn = torch.arange(len(self._members)), False
        order = torch.randperm(len(pool), generator=generator, device=device)[: self._ways].cpu()
        rows = []
        for number in pool[order].tolist():
            members = self._members[number]
            drawn = torch.randperm(len(members), generator=generator, device=device)[: 2 * self._pairs].cpu()
            rows.append(members[drawn].reshape(2, self._pairs))
        # An alphabet is turned as a whole, so that its characters stay as alike as they are.
        count = 1 if same_turn else len(rows)
        turns = torch.randint(4, (count,), generator=generator, device=device).expand(len(rows))
        return torch.stack(rows).to(device), turns
