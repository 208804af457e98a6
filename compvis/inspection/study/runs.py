"""Sections on the runs themselves: what was asked by which command, what it cost, what failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from compvis.evaluation.records import Result
from compvis.inspection.study.contract import Section, shown_number, table


def runs_section(results: Sequence[Result]) -> Section | None:
    """Every distinct command with its runs, their state and hours."""
    if not results:
        return None
    commands: dict[tuple[str, str], list[Result]] = {}
    for run in results:
        for command in _commands(run) or ["not recorded"]:
            commands.setdefault((run.experiment, command), []).append(run)
    rows = [
        (experiment, command, str(len(own)), shown_number(sum(_seconds(run) for run in own) / 3600))
        for (experiment, command), own in commands.items()
    ]
    made = sorted({str(session.get("commit"))[:10] for run in results for session in run.sessions})
    machines = sorted({_machine(run.machine) for run in results})
    return Section(
        "runs",
        "What was run: commands and costs",
        f"{len(results)} records. Commits: {', '.join(made) or 'unknown'}. Machines: {'; '.join(machines)}. Hours "
        "are wall-clock, of all sessions of the command's runs; other work may have shared the machine.",
        (table("Commands", ("experiment", "command", "runs", "hours"), rows),),
    )


def failures_section(results: Sequence[Result]) -> Section | None:
    """Runs that did not finish and images that models refused; None where there are neither."""
    unfinished = [
        (run.experiment, run.run_id, run.status, str(run.error or "")[:200])
        for run in results
        if run.status != "finished"
        and (run.experiment, run.status) != ("study", "running")  # it is still running when it reports
    ]
    refused = []
    for run in results:
        messages = [str(row["failure"]) for row in run.rows if row.get("failure")]
        if messages:
            common = max(set(messages), key=messages.count)
            refused.append((run.experiment, run.run_id, str(len(messages)), common[:200]))
    if not unfinished and not refused:
        return None
    return Section(
        "failures",
        "What failed",
        "Runs that are not finished are left out of every other section. Images that a model refused count as wrong.",
        (
            table("Unfinished runs", ("experiment", "run", "state", "error"), unfinished),
            table("Refused images", ("experiment", "run", "images", "most frequent message"), refused),
        ),
    )


def _commands(run: Result) -> list[str]:
    return sorted({session["command"] for session in run.sessions if session.get("command")})


def _seconds(run: Result) -> float:
    return float(sum(session.get("seconds") or 0.0 for session in run.sessions))


def _machine(machine: Mapping[str, Any]) -> str:
    return f"{machine.get('processor')}, {machine.get('cores')} cores"
