"""The section on attacks of bounded size."""

from collections.abc import Sequence

import numpy as np

from compvis.evaluation.records import Result, group_results
from compvis.inspection.study.contract import Section, table

_SETTING = ("data.name", "size.per_class", "masks", "max_test", "queries")


def attacks_section(results: Sequence[Result]) -> Section | None:
    """What the records of `experiments/attacks.py` say; None where there are none."""
    runs = [run for run in results if run.experiment == "attacks"]
    if not runs:
        return None
    tables = []
    for (data, size, masks, asked, queries), own in group_results(runs, list(_SETTING)).items():
        found = [bound for run in own for bound in run.metrics["bounds"].values()]
        names = [name for name in dict.fromkeys(n for bound in found for n in bound) if name != "worst"]
        rows = []
        for (model,), there in sorted(group_results(own, ["model_name"]).items()):
            clean = 100 * float(np.mean([run.metrics["clean"] for run in there]))
            for levels in sorted({key for run in there for key in run.metrics["bounds"]}, key=int):
                bounds = [run.metrics["bounds"][levels] for run in there if levels in run.metrics["bounds"]]
                cells = [
                    _percent([bound[name] for bound in bounds if name in bound]) for name in (*names, "worst")
                ]
                rows.append((str(model), str(len(there)), f"{clean:.1f}", f"{levels}/255", *cells))
        columns = ("model", "runs", "clean %", "bound", *names, "worst of all")
        where = f"{data}, {size} images a class, masks {masks}, {asked} asked, {queries} queries"
        tables.append(table(f"{where}: accuracy that is left, %", columns, rows))
    return Section(
        "attacks",
        "Over-sensitivity: what is left when every pixel may move a little?",
        "fgsm, pgd and margin follow a model's own gradients, those of a grammar of ink through what its parses draw; "
        "transfer is what the margin attack finds on the surrogate network; squares ask for answers alone. A dash: the "
        "attack was not made, as on models without gradients. Worst: images that are right under all attacks.",
        tuple(tables),
    )


def _percent(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):.1f}" if len(values) else "–"
