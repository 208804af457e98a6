"""The comparison's report, one HTML page and a PDF, from run records and from nothing else.

    python experiments/report.py                                  # every record under outputs
    python experiments/report.py records=results/report into=/tmp/report

A partial study reports what it has. The PDF is printed by a headless Chromium where one is installed, and drawn page
by page otherwise.
"""

from pathlib import Path

import hydra
from omegaconf import DictConfig

from compvis.evaluation.records import load_results
from compvis.inspection.study.page import report_page, write_pdf
from compvis.inspection.study.sections import study_sections


@hydra.main(version_base="1.3", config_path="../configs", config_name="report")
def main(cfg: DictConfig) -> None:
    """Draw what the records under ``cfg.records`` allow."""
    results = load_results(Path(cfg.records), finished_only=False)
    sections = study_sections(results, cfg.reference)
    into = Path(cfg.into)
    into.mkdir(parents=True, exist_ok=True)
    page = into / "report.html"
    page.write_text(report_page(cfg.title, sections), encoding="utf-8")
    maker = write_pdf(page, sections, into / "report.pdf")
    print(page)
    print(f"{into / 'report.pdf'} (by {maker})")


if __name__ == "__main__":
    main()
