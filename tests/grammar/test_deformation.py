import dataclasses
import json

import pyro
import pytest
import torch

from compvis.grammar.deformation import DeformationPrior, bernstein, warp_basis
from compvis.grammar.ink import deformation_basis, deformation_covariance
from compvis.grammar.ink_rules import template_rules
from compvis.grammar.placing import place_leaves
from compvis.grammar.values import InkValues, from_standard, prior_mean, sample_values, to_standard


def displacements(template, values, points_on, t):
    """Displacement (h, m, 2) of curve points at rest, in the canonical frame."""
    flat = dataclasses.replace(values, pose=torch.zeros_like(values.pose))
    moved = place_leaves(template, flat).control_points - template.control_points
    return torch.einsum("mp,hmpc->hmc", bernstein(t), moved[:, points_on])


def test_covariance_agrees_with_samples_of_the_pyro_prior(template):
    points_on, t = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0.1, 0.9, 0.5, 0.0, 0.7], dtype=torch.float64)
    pyro.set_rng_seed(0)
    n, sites = 20_000, {}
    for rule in template_rules(template, "t"):
        address = rule.symbol.replace("t", "character", 1) if rule.symbol.startswith("t/") else "character"
        with pyro.plate("draws", n):
            for name, density in rule.distributions().items():
                sites[f"{address}/{name}"] = pyro.sample(f"{address}/{name}", density)
    drawn = displacements(template, InkValues.from_sites(template, sites), points_on, t)
    expected = deformation_covariance(template, points_on, t)
    scale = expected.diagonal().sqrt().outer(expected.diagonal().sqrt())
    for coordinate in (0, 1):
        found = drawn[:, :, coordinate].T @ drawn[:, :, coordinate] / n
        assert ((found - expected) / scale).abs().max() < 0.05
    cross = drawn[:, :, 0].T @ drawn[:, :, 1] / n
    assert (cross / scale).abs().max() < 0.05


def test_standard_coefficients_displace_by_the_basis(template):
    points_on, t = torch.tensor([2, 0, 1]), torch.tensor([0.3, 0.6, 1.0], dtype=torch.float64)
    basis = deformation_basis(template, points_on, t)
    z = torch.randn(4, basis.shape[1], 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = from_standard(template, z)
    torch.testing.assert_close(displacements(template, values, points_on, t), basis @ z)
    torch.testing.assert_close(to_standard(template, values), z)


def test_placing_agrees_with_the_formula_written_out(template):
    values = sample_values(template, 1, torch.Generator().manual_seed(3))
    placed = place_leaves(template, values).control_points[0]
    prior = template.prior
    leaf = 0
    for s, stroke in enumerate(template.strokes):
        origin = stroke.control_points.reshape(-1, 2).mean(0)
        for rest in stroke.control_points:
            for c, p in enumerate(rest):
                whole, local = values.affine[0], values.stroke_affine[0, s]
                moved = p + whole[:, :2] @ p + whole[:, 2] + local[:, :2] @ (p - origin) + local[:, 2]
                moved = moved + warp_basis(prior, p[None])[0] @ values.warp[0] + values.offsets[0, leaf, c]
                centre, log_unit = values.pose[0, :2], values.pose[0, 2]
                torch.testing.assert_close(placed[leaf, c], moved * log_unit.exp() + centre)
            leaf += 1


def test_warp_has_its_scale_everywhere_and_its_length_inside():
    prior = DeformationPrior(warp_length=1.2)
    points = torch.rand(200, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 6 - 3
    torch.testing.assert_close(
        warp_basis(prior, points).square().sum(1), torch.ones(200, dtype=torch.float64)
    )
    inside = torch.tensor([[-0.3, 0.1], [0.5, 0.1]], dtype=torch.float64)
    basis = warp_basis(prior, inside)
    assert abs(float(basis[0] @ basis[1]) - torch.exp(torch.tensor(-(0.8**2) / (2 * 1.2**2)))) < 0.03


def test_far_points_do_not_underflow():
    assert torch.isfinite(warp_basis(DeformationPrior(warp_length=0.2), torch.tensor([[100.0, 0.0]]))).all()


def test_gradients_reach_every_value_and_the_rest_geometry(template):
    values = sample_values(template, 3, torch.Generator().manual_seed(0))
    for name, tensor in values.tensors().items():
        free = tensor.clone().requires_grad_()
        leaves = place_leaves(template, dataclasses.replace(values, **{name: free}))
        sum(part.square().sum() for part in leaves).backward()
        assert free.grad is not None
        assert (free.grad != 0).all(), name


def test_prior_means_leave_the_template_at_rest(template):
    leaves = place_leaves(template, prior_mean(template))
    torch.testing.assert_close(leaves.control_points[0], template.control_points)
    torch.testing.assert_close(leaves.width[0], template.widths)


def test_prior_survives_json_and_refuses_nonsense():
    prior = DeformationPrior(warp=1 / 3)
    assert DeformationPrior.from_dict(json.loads(json.dumps(prior.to_dict()))) == prior
    with pytest.raises(ValueError, match="no 'wrap'"):
        DeformationPrior.from_dict({"wrap": 1.0})
    for bad in ({"warp": 0.0}, {"offset": -1.0}, {"linear": float("nan")}, {"warp_grid": 1}):
        with pytest.raises(ValueError, match=f"DeformationPrior.{next(iter(bad))}"):
            DeformationPrior(**bad)  # pyright: ignore
