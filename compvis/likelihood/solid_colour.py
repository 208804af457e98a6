"""log p(colour given category): what colours new objects of a category have, learned from a few of them."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ColourPredictive:
    """Predictive density of an object's mean colour: a multivariate Student t.

    Colours of a category's objects are normal with unknown mean and covariance; with a normal inverse Wishart
    prior the next object's colour is Student t (Murphy, "Conjugate Bayesian analysis of the Gaussian
    distribution", 2007, section 9). Three objects say little about the spread, and the heavy tails know it.

    Attributes:
        mean: location (3,). scale: scale matrix (3, 3). freedom: degrees of freedom.
    """

    mean: Float[Tensor, "3"]
    scale: Float[Tensor, "3 3"]
    freedom: float

    def log_prob(self, colour: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Log density of Lab / 100, nats."""
        d, nu = 3, self.freedom
        residual = colour - self.mean
        squared = torch.einsum("ni,ij,nj->n", residual, torch.linalg.inv(self.scale), residual)
        constant = math.lgamma((nu + d) / 2) - math.lgamma(nu / 2) - 0.5 * d * math.log(nu * math.pi)
        return constant - 0.5 * torch.logdet(self.scale) - 0.5 * (nu + d) * torch.log1p(squared / nu)


def learn_colours(
    colours: Float[Tensor, "n 3"],
    labels: list[int],
    objects: list[int],
    classes: int,
    strength: float = 0.7,
    prior_freedom: float = 4.0,
    spread: float = 0.08,
) -> list[ColourPredictive]:
    """The predictive density of each class from the mean colours of its pictures.

    Pictures of one object say the same thing: the n pictures of a class count as its number of objects.

    Args:
        objects: number of different objects (alternatives) of each class.
        strength: weight of the pooled covariance within classes in the prior, relative to its expectation.
        prior_freedom: degrees of freedom of the inverse Wishart prior, above 2.
        spread: standard deviation of colours supposed where a class has one object; with more it shrinks.
    """
    index = torch.tensor(labels)
    grand = colours.mean(0)
    within = torch.zeros(3, 3)
    for c in range(classes):
        own = colours[index == c]
        own = own - own.mean(0)
        within = within + own.T @ own / len(own) / classes
    # Several objects show how colours spread; of one alone it is only supposed.
    supposed = spread / (sum(objects) / classes)
    base = strength * within + supposed**2 * torch.eye(3)
    found = []
    for c in range(classes):
        own, n = colours[index == c], float(objects[c])
        mean = own.mean(0)
        scatter = (own - mean).T @ (own - mean) * (n / len(own))
        weight = 0.2
        total, freedom = weight + n, prior_freedom + n
        apart = (mean - grand)[:, None]
        matrix = base * prior_freedom + scatter + weight * n / total * apart @ apart.T
        nu = freedom - 3 + 1
        found.append(
            ColourPredictive(
                mean=(weight * grand + n * mean) / total,
                scale=matrix * (total + 1) / (total * nu),
                freedom=nu,
            )
        )
    return found
