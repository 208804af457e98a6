"""Figures and tables from run records, and from nothing else.

python experiments/figures.py                                        # every record under outputs
python experiments/figures.py records=outputs/one_shot into=/tmp/figures
"""

from itertools import groupby
from pathlib import Path

import hydra
import rich
from omegaconf import DictConfig

from compvis.evaluation.records import load_results
from compvis.inspection import read_anchors, terminal_table
from compvis.inspection.report import draw_report
from compvis.running import resolve_config


@hydra.main(version_base="1.3", config_path="../configs", config_name="figures")
def main(cfg: DictConfig) -> None:
    """Redraw everything that the records under ``cfg.records`` allow."""
    anchors = read_anchors(resolve_config(cfg)["anchors"])
    report = draw_report(load_results(Path(cfg.records)), Path(cfg.into), cfg.reference, anchors)
    for data, rows in groupby(report.rows, key=lambda row: row.data):
        rich.print(terminal_table(list(rows), data))
    for path in report.files:
        print(path)


if __name__ == "__main__":
    main()
