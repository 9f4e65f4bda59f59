"""The playbook: run the steps from the leak to every credential dead and replaced.

When an incident is opened, the first three steps overlap: a credential is contained as
soon as its provider confirms that it is live, while others are still being verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from detector.errors import UsageError
from detector.incident.context import Context
from detector.incident.model import Incident, Step
from detector.incident.steps.contain import contain, open_containment, record_result, submit_known
from detector.incident.steps.dependents import find_dependents
from detector.incident.steps.detect import detect
from detector.incident.steps.notify import notify, send_events
from detector.incident.steps.prove import prove
from detector.incident.steps.spread import recheck_current_copies, spread
from detector.incident.steps.verify import verify
from detector.net.log_silencing import silence_client_logs

STEPS: Mapping[Step, Callable[[Context], None]] = {
    Step.DETECT: detect,
    Step.VERIFY: verify,
    Step.CONTAIN: contain,
    Step.SPREAD: spread,
    Step.DEPENDENTS: find_dependents,
    Step.PROVE: prove,
    Step.NOTIFY: notify,
}


def run_all(context: Context, on_contained: Callable[[Incident], object] = lambda _: None) -> Incident:
    """Run everything that is not done, in order, and notify people along the way.

    The first messages are sent in the background, so that no step waits for them. *on_contained* gets the incident
    as soon as everything live is contained or waits for a person. From then on the incident is not locked until the
    other repositories are searched, so that people can act on it.
    """
    with silence_client_logs(other_libraries=True), ThreadPoolExecutor(1, "notify") as background:
        opening = background.submit(send_events, context, work_lists=False)
        if not context.has_run(Step.DETECT):
            detect(context)
        with open_containment(context) as containment:
            submit_known(context, containment)
            verify(
                context,
                lambda finding: containment.submit(finding, context.incident.find_credential(finding.fingerprint)),
            )
        record_result(context)
        opening.result()
        known = context.incident
        # Once other copies are known, the lists are sent at the end: they change with each step that follows.
        send_events(context, work_lists=not (known.locations or context.has_run(Step.SPREAD)))
        on_contained(known)
        with context.lock.release() as alone:
            if alone:
                _search_elsewhere(context)
        prove(context, again=not context.has_run(Step.PROVE))
        notify(context)
        return context.incident


def _search_elsewhere(context: Context) -> None:
    """Look for other copies, and for dependents of the package."""
    if context.has_run(Step.SPREAD):
        recheck_current_copies(context)
    else:
        spread(context)
    if not context.has_run(Step.DEPENDENTS):
        find_dependents(context)


def run_step(context: Context, name: str) -> Incident:
    """Run one step, whether or not it was run before. Raises `UsageError` if there is no such step."""
    if name not in tuple(Step):
        raise UsageError(f"no step is named {name!r}; known: {', '.join(Step)}")
    with silence_client_logs(other_libraries=True):
        if name not in (Step.SPREAD, Step.DEPENDENTS):
            STEPS[Step(name)](context)
            return context.incident
        with context.lock.release() as alone:
            if not alone:
                raise UsageError(f"another process is searching for {context.ledger.incident_id}")
            STEPS[Step(name)](context)
        return context.incident
