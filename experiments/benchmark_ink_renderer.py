"""How much faster the compiled ink path is than plain torch, on this machine.

    python experiments/benchmark_ink_renderer.py --out benchmark_ink.json

Takes about a minute. For each image side and blur: median milliseconds of drawing, of drawing with gradient
and of one scoring step (draw, likelihood, gradient), for both paths and one thread and two, and the ratio
between the paths. The ratios carry over between machines better than the milliseconds. Expected: compiled at
least ten times faster at 105 pixels and the default blur.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from compvis.likelihood.ink import InkLikelihood
from compvis.render.ink import InkRenderer, InkStrokes


def random_strokes(hypotheses: int, substrokes: int, side: int, seed: int = 0) -> InkStrokes:
    """Chains of joined sub-strokes wandering over the sheet, a character's worth of ink each."""
    generator = torch.Generator().manual_seed(seed)
    steps = (torch.rand(hypotheses, 3 * substrokes + 1, 2, generator=generator) - 0.5) * 0.16 * side
    path = (0.5 * side + torch.cumsum(steps, dim=1)).clamp(0.1 * side, 0.9 * side)
    points = torch.stack([path[:, 3 * k : 3 * k + 4] for k in range(substrokes)], dim=1)
    shape = (hypotheses, substrokes)
    width = torch.full(shape, max(1.5, side / 40))
    return InkStrokes(
        points.requires_grad_(),
        width.requires_grad_(),
        torch.full(shape, 0.9).requires_grad_(),
        torch.ones(shape) > 0,
    )


def median_milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of ``work`` after one unmeasured call (which also compiles)."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def measure(strokes: InkStrokes, side: int, softness: float, backend: str, repeats: int) -> dict[str, float]:
    """Milliseconds of the three kinds of work for one path."""
    renderer = InkRenderer(softness=softness, backend=backend)  # pyright: ignore[reportArgumentType]
    likelihood = InkLikelihood(backend="eager" if backend == "eager" else "auto")
    leaves = [strokes.control_points, strokes.width, strokes.darkness]
    image = renderer(strokes.select([0]), (side, side)).ink[0].detach()

    def draw() -> None:
        with torch.no_grad():
            renderer(strokes, (side, side))

    def differentiate() -> None:
        torch.autograd.grad(renderer(strokes, (side, side)).ink.sum(), leaves)

    def score() -> None:
        rendering = renderer(strokes, (side, side))
        torch.autograd.grad(likelihood.log_likelihood(image, rendering).sum(), leaves)

    kinds = {"forward": draw, "forward_backward": differentiate, "scoring_step": score}
    return {kind: median_milliseconds(work, repeats) for kind, work in kinds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hypotheses", type=int, default=16)
    parser.add_argument("--substrokes", type=int, default=8)
    parser.add_argument("--sides", type=int, nargs="+", default=[28, 105])
    parser.add_argument("--softness", type=float, nargs="+", default=[0.5, 2.0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, help="where to write the records as JSON")
    settings = parser.parse_args()
    records = []
    for threads in settings.threads:
        torch.set_num_threads(threads)
        for side in settings.sides:
            strokes = random_strokes(settings.hypotheses, settings.substrokes, side)
            for softness in settings.softness:
                fused = measure(strokes, side, softness, "fused", settings.repeats)
                eager = measure(strokes, side, softness, "eager", settings.repeats)
                ratio = {kind: eager[kind] / fused[kind] for kind in fused}
                records.append(
                    {"threads": threads, "side": side, "softness": softness}
                    | {"fused_ms": fused, "eager_ms": eager, "eager_over_fused": ratio}
                )
                shown = ", ".join(
                    f"{kind} {fused[kind]:.2f} against {eager[kind]:.1f} ms = {times:.0f}x"
                    for kind, times in ratio.items()
                )
                print(f"{side}x{side}, softness {softness}, {threads} threads: {shown}", flush=True)
    if settings.out:
        record = {
            "hypotheses": settings.hypotheses,
            "substrokes": settings.substrokes,
            "repeats": settings.repeats,
            "machine": platform.machine(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "records": records,
        }
        settings.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
