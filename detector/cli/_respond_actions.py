"""The actions of `leakfirst respond`, one function each."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from detector.cli._respond_output import (
    choose_exit_code,
    escape_lines,
    format_file_options,
    show_contained,
    show_failed_deliveries,
    show_incident,
    to_json,
)
from detector.errors import ExitCode, LeakfirstError, UsageError

if TYPE_CHECKING:
    from detector.cli._respond_session import Session
    from detector.incident.model import Exposure

MAX_CLOCK_SKEW = 60
"""Seconds that the clock of the person who found the leak may be ahead of ours."""


# -- open ------------------------------------------------------------------------


def open_incident(session: Session, args: argparse.Namespace) -> ExitCode:
    """Open an incident and run all steps, or with --only-open none."""
    from detector.cli.sweep import read_sweep_table
    from detector.incident import leaked_material, ledger
    from detector.incident.response import run_all
    from detector.incident.settings import parse_duration
    from detector.incident.timeline import compute_deadline, format_time

    exposure = _make_exposure(args, read_sweep_table(session.operator).get("inventory", []))
    leaked_material.validate_exposure(exposure)
    if exposure.package:
        from detector.incident.dependents import parse_package

        parse_package(exposure.package)
    now = session.clock.now()
    found_at = _parse_found_at(args.found_at, now) or format_time(now)
    allowed = parse_duration(args.deadline, "--deadline") if args.deadline else session.settings.deadline
    names = (os.path.basename(target.rstrip("/")) for target in exposure.targets)
    title = args.title or exposure.package or ", ".join(names)
    facts = {"exposure": exposure.to_json(), "found_at": found_at, "due_at": compute_deadline(found_at, allowed)}
    if not args.only_open:
        session.make_tools(exposure)  # raises for a wrong configuration before an incident is opened
    if not args.again and (same := find_same(session, exposure)):
        raise UsageError(
            f"{same} is already open for this: run leakfirst respond next {same}, or add --again to open another"
        )
    incident_id = ledger.open_incident(session.state, title, facts, session.clock, session.by)
    print(f"incident {incident_id} is open; deadline {facts['due_at']}", file=sys.stderr)
    if args.only_open:
        return show_incident(session, session.load_incident(incident_id), args)
    with session.open_context(incident_id) as context:
        incident = run_all(context, lambda contained: show_contained(contained, args))
        show_failed_deliveries(context)
    return show_incident(session, incident, args)


def find_same(session: Session, exposure: Exposure) -> str:
    """Return the id of the open incident about the same material, or ""."""
    from detector.incident.ledger import list_incidents

    for incident_id in reversed(list_incidents(session.state)):
        incident = session.load_incident(incident_id)
        there = incident.exposure
        same = there.targets == exposure.targets and there.package == exposure.package
        if same and there.range == exposure.range and there.paths == exposure.paths and incident.status == "open":
            return incident_id
    return ""


def _make_exposure(args: argparse.Namespace, inventory: Sequence[str]) -> Exposure:
    from detector.git.layout import is_repository
    from detector.incident.leaked_material import is_named, is_remote
    from detector.incident.model import Exposure, ExposureKind

    if bool(args.targets) == bool(args.findings):
        raise UsageError("name what leaked: files, a folder, a repository, or --findings REPORT.json")
    given = args.targets or args.findings
    targets = tuple(target if is_named(target) or is_remote(target) else os.path.abspath(target) for target in given)
    kind = ExposureKind.FINDINGS if args.findings else ExposureKind.ARTEFACT
    if not args.findings and any(is_remote(target) or is_repository(target) for target in targets):
        kind = ExposureKind.REPOSITORY
    return Exposure(
        kind,
        targets,
        args.package or _find_package(targets),
        args.range,
        tuple(args.path),
        tuple(args.inventory) or tuple(inventory),
        tuple(os.path.abspath(path) for path in args.patterns),
        args.order,
        args.registry,
    )


def _find_package(targets: Sequence[str]) -> str:
    """Return the package that a single target names, with its versions, as --package takes it; "" for anything else."""
    from detector.incident.dependents import parse_package

    found = re.fullmatch(r"(npm:@?[^@*~]+(?<!/)|pypi:[\w.-]+)@?(.*)", targets[0]) if len(targets) == 1 else None
    if not found:
        return ""
    package = found[1] if found[2] in ("", "all") else f"{found[1]}@{found[2]}"
    try:
        parse_package(package)
    except UsageError:
        return ""
    return package


def _parse_found_at(text: str, now: float) -> str:
    from detector.incident.timeline import format_time, parse_time

    if not text:
        return ""
    try:
        found = parse_time(text)
    except (ValueError, OverflowError):
        raise UsageError(f"--found-at: {text!r} is not a time; write 2025-01-31T12:00:00+00:00") from None
    if found > now + MAX_CLOCK_SKEW:
        raise UsageError(f"--found-at: {text!r} is in the future; the deadline would be too late")
    return format_time(found)


# -- steps -----------------------------------------------------------------------


def continue_incident(session: Session, args: argparse.Namespace) -> ExitCode:
    """Run everything that is possible for one incident, or with --all for every open one."""
    from detector.incident.ledger import IncidentLocked, list_incidents
    from detector.incident.response import run_all

    if not args.all:
        with session.open_context(args.incident) as context:
            incident = run_all(context)
            show_failed_deliveries(context)
        return show_incident(session, incident, args)
    worst = ExitCode.CLEAN
    for incident_id in list_incidents(session.state):
        if session.load_incident(incident_id).status != "open":
            continue
        try:
            with session.open_context(incident_id) as context:
                worst = max(worst, choose_exit_code(run_all(context)))
                show_failed_deliveries(context)
        except IncidentLocked:
            continue
        except LeakfirstError as error:
            print(escape_lines(f"leakfirst: {incident_id}: {error}"), file=sys.stderr)
            worst = max(worst, error.exit_code)
    return worst


def run_step(session: Session, args: argparse.Namespace) -> ExitCode:
    """Run one step."""
    from detector.incident import response
    from detector.incident.model import Step
    from detector.incident.steps.notify import preview_events

    with session.open_context(args.incident) as context:
        if args.dry_run:
            if args.step != Step.NOTIFY:
                raise UsageError("--dry-run applies only to the step notify")
            for destination, draft in preview_events(context):
                print(f"-- {destination.name} ({destination.channel}): {draft.render()}")
            return ExitCode.CLEAN
        incident = response.run_step(context, args.step)
        show_failed_deliveries(context)
    return show_incident(session, incident, args)


# -- decisions -------------------------------------------------------------------


def take(session: Session, args: argparse.Namespace) -> ExitCode:
    """Record that the user handles the incident, and notify the others."""
    from detector.incident.decisions import acknowledge
    from detector.incident.model import Step
    from detector.incident.response import run_step

    with session.open_context(args.incident) as context:
        acknowledge(context)
        return show_incident(session, run_step(context, Step.NOTIFY), args)


def approve(session: Session, args: argparse.Namespace) -> ExitCode:
    """Approve a plan by its digest, or record a manual step; with neither option, show the plan."""
    from detector.incident import decisions
    from detector.incident.model import Step
    from detector.incident.response import run_step

    if args.done and args.digest:
        raise UsageError("give either --digest of the plan that you have read, or --done for a manual step")
    if not args.done and not args.digest:
        return _show_plan(session, args)
    with session.open_context(args.incident) as context:
        if args.done:
            decisions.record_manual_step(context, args.credential)
        else:
            decisions.approve(context, args.credential, args.digest)
        return show_incident(session, run_step(context, Step.NOTIFY), args)


def _show_plan(session: Session, args: argparse.Namespace) -> ExitCode:
    """Print the plan to be approved; one that has expired is made again."""
    from detector.incident.decisions import get_valid_plan
    from rotators.core.plan_text import format_plan

    with session.open_context(args.incident) as context:
        plan = get_valid_plan(context, args.credential)
        incident_id = context.ledger.incident_id
    print(format_plan(plan).rpartition("  next: ")[0])
    command = f"leakfirst respond approve {incident_id} {plan.id[:12]} --digest {plan.digest[:16]}"
    print(f"  next: {command}{format_file_options(args)}")
    return ExitCode.NEEDS_PERSON


def accept(session: Session, args: argparse.Namespace) -> ExitCode:
    """Leave credentials as they are."""
    from detector.incident import decisions

    with session.open_context(args.incident) as context:
        decisions.accept(context, args.credentials, args.reason)
        return show_incident(session, context.incident, args)


def treat_as_live(session: Session, args: argparse.Namespace) -> ExitCode:
    """Contain and replace credentials of which nobody can tell whether they are live."""
    from detector.incident import decisions

    with session.open_context(args.incident) as context:
        decisions.treat_as_live(context, args.credentials, args.reason)
        show_failed_deliveries(context)
        return show_incident(session, context.incident, args)


def close(session: Session, args: argparse.Namespace) -> ExitCode:
    """Close the incident, or print what is left to do."""
    from detector.incident import decisions

    with session.open_context(args.incident) as context:
        left = decisions.close(context, args.reason)
        for line in left:
            print(escape_lines(f"leakfirst: still open: {line}"), file=sys.stderr)
        show_failed_deliveries(context)
    if left:
        return ExitCode.NEEDS_PERSON
    print("closed")
    return ExitCode.CLEAN


# -- output ----------------------------------------------------------------------


def show_status(session: Session, args: argparse.Namespace) -> ExitCode:
    """Print the state of one incident, or one line for each if several could be meant."""
    from detector.incident.ledger import list_candidates, list_incidents
    from detector.incident.timeline import format_time_left

    if args.incident or len(list_candidates(session.state)) == 1:
        return show_incident(session, session.load_incident(args.incident), args)
    incidents = [session.load_incident(incident_id) for incident_id in list_incidents(session.state)]
    if args.json:
        print(json.dumps([to_json(incident) for incident in incidents]))
        return ExitCode.CLEAN
    for incident in incidents:
        is_open = incident.status == "open"
        time_left = format_time_left(incident.due_at, session.clock.now()) if is_open else incident.status
        live = f"{len(incident.live_credentials)} live of {len(incident.credentials)}"
        print(escape_lines(f"{incident.id}  {incident.status:6}  {time_left:20}  {live:20}  {incident.title}"))
    return max(map(choose_exit_code, incidents), default=ExitCode.CLEAN)


def write_report(session: Session, args: argparse.Namespace) -> ExitCode:
    """Write the report as HTML, Markdown or JSON."""
    from detector.incident import report
    from detector.incident.leaked_material import load_pack
    from detector.incident.ledger import verify_chain
    from detector.incident.messages.redact import make_redactor

    incident = session.load_incident(args.incident)
    if args.json:
        print(json.dumps(to_json(incident)))
        return ExitCode.CLEAN
    problems = verify_chain(session.state, incident.id)
    redact = make_redactor(lambda: load_pack(incident.exposure))
    sections = report.redact_report(report.build_report(incident, problems, session.clock.now()), redact)
    if args.html:
        _write(args.html, report.render_html(sections))
    if args.markdown or not args.html:
        _write(args.markdown or "-", report.render_markdown(sections))
    return ExitCode.CLEAN


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
        return
    from detector.files.writing import write_file

    write_file(path, text.encode("utf-8", "backslashreplace"))


def show_log(session: Session, args: argparse.Namespace) -> ExitCode:
    """Print the log, or with --check verify its hash chain."""
    from detector.incident.ledger import verify_chain

    incident = session.load_incident(args.incident)
    if args.check:
        problems = verify_chain(session.state, incident.id)
        for problem in problems:
            print(f"{incident.id}: {problem}", file=sys.stderr)
        print("the log was changed" if problems else f"the log is intact; its head is {incident.head}")
        return ExitCode.NEEDS_PERSON if problems else ExitCode.CLEAN
    for line in incident.lines:
        if args.json:
            print(json.dumps(line._asdict()))
        else:
            facts = "  ".join(f"{name}={value}" for name, value in line.facts.items() if name != "where")
            print(escape_lines(f"{line.at}  {line.by}  {line.kind} {line.subject}  {facts}".rstrip()))
    return ExitCode.CLEAN


ACTIONS: Mapping[str, Callable[[Session, argparse.Namespace], ExitCode]] = {
    "open": open_incident,
    "status": show_status,
    "next": continue_incident,
    "run": run_step,
    "take": take,
    "approve": approve,
    "accept": accept,
    "treat-as-live": treat_as_live,
    "close": close,
    "report": write_report,
    "log": show_log,
}
