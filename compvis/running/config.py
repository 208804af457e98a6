"""The one place where a composed config becomes plain values."""

from typing import Any

from omegaconf import DictConfig, OmegaConf


def resolve_config(cfg: DictConfig) -> dict[str, Any]:
    """Every value of ``cfg`` with its interpolations filled in, as plain dictionaries and lists.

    Raises:
        ValueError: ``cfg`` is not a mapping.
    """
    plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    if not isinstance(plain, dict):
        raise ValueError(f"A config must be a mapping, not {type(plain).__name__}.")
    return {str(key): value for key, value in plain.items()}
