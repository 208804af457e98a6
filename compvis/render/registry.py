"""Renderers of solids by name: what a saved model says about who draws it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from compvis.render.contract import SceneRenderer
from compvis.render.pytorch3d import PyTorch3DRenderer
from compvis.render.solids_renderer import SolidRenderer

SCENE_RENDERERS = {"solids": SolidRenderer, "pytorch3d": PyTorch3DRenderer}


def describe_renderer(renderer: SceneRenderer) -> dict[str, Any]:
    """A renderer's ``name`` and ``settings``, plain values.

    Raises:
        ValueError: a renderer that is not in :data:`SCENE_RENDERERS`.
    """
    for name, kind in SCENE_RENDERERS.items():
        if isinstance(renderer, kind):
            return {"name": name, "settings": asdict(renderer)}  # pyright: ignore[reportArgumentType]
    raise ValueError(
        f"{type(renderer).__name__} has no name: use {' or '.join(k.__name__ for k in SCENE_RENDERERS.values())}."
    )


def build_renderer(described: Mapping[str, Any]) -> SceneRenderer:
    """Inverse of :func:`describe_renderer`, also of what JSON makes of it.

    Raises:
        KeyError, TypeError, ValueError: the description is damaged.
    """
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in described["settings"].items()}
    return SCENE_RENDERERS[described["name"]](**settings)
