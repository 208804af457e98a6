"""The report's sections in their order; a new one is one file beside this and one line here."""

from collections.abc import Callable, Sequence

from compvis.evaluation.records import Result
from compvis.inspection.study.attacks import attacks_section
from compvis.inspection.study.claims import claims_section
from compvis.inspection.study.confidence import confidence_section
from compvis.inspection.study.contract import Section
from compvis.inspection.study.costs import costs_section
from compvis.inspection.study.explosion import explosion_section, feedback_section
from compvis.inspection.study.runs import failures_section, runs_section
from compvis.inspection.study.scaling import efficiency_section
from compvis.inspection.study.shifts import shifts_section
from compvis.inspection.study.worst_case import worst_case_section

SECTIONS: tuple[Callable[[Sequence[Result], str], Section | None], ...] = (
    claims_section,
    efficiency_section,
    lambda results, reference: costs_section(results),
    shifts_section,
    lambda results, reference: attacks_section(results),
    lambda results, reference: worst_case_section(results),
    lambda results, reference: explosion_section(results),
    lambda results, reference: feedback_section(results),
    lambda results, reference: confidence_section(results),
)


def study_sections(results: Sequence[Result], reference: str) -> list[Section]:
    """Every section that the records can fill.

    Args:
        results: finished or not; only the section on failures looks at those that are not.
        reference: name of the grammar that the others are compared with.
    """
    finished = [run for run in results if run.status == "finished"]
    sections = [draw(finished, reference) for draw in SECTIONS] if finished else []
    sections += [runs_section(results), failures_section(results)]
    return [section for section in sections if section is not None]
