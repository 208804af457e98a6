"""How many processor threads a run may use, said once and before torch starts."""

import os

# With another process on the machine, OpenMP's spinning threads can make a step twenty times slower; a
# passive wait costs nothing measurable otherwise. It is read when torch loads, hence at import.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def set_threads(count: int | None) -> int:
    """Give torch ``count`` threads (None leaves its own choice) and return the number in force.

    Raises:
        ValueError: ``count`` is below one.
    """
    import torch

    if count is not None:
        if count < 1:
            raise ValueError(
                f"threads must be at least 1, not {count}: give a count, or null for torch's choice."
            )
        torch.set_num_threads(count)
    return torch.get_num_threads()
