"""A plan as a person reads it before approving it."""

from __future__ import annotations

from rotators.core.model import RotationPlan


def format_plan(plan: RotationPlan) -> str:
    """Return all of *plan*: whose credential it is, every step and call, what is irreversible or cannot be proven."""
    lines = [f"plan {plan.id[:12]}  {plan.rule_id}  {plan.order}  ({plan.decision})", ""]
    lines += [f"  {name:18} {value}" for name, value in plan.facts]
    lines.append("")
    for number, step in enumerate(plan.steps, 1):
        mark = "" if step.reversible else "   irreversible"
        wait = f"   {step.wait} s" if step.wait else ""
        lines.append(f"  {number:2}. {step.title}{wait}{mark}")
        lines += [f"        {call}" for call in step.calls]
        if step.link:
            lines.append(f"        {step.link}")
    lines += [f"  cannot be proven: {what}" for what in plan.unprovable]
    lines += [f"  bound to {name}: {value}" for name, value in sorted(plan.bindings.items())]
    lines += [f"  made by {plan.made_by}"] if plan.made_by else []
    lines += ["", f"  digest {plan.digest[:16]}   expires {plan.expires_at}"]
    lines.append(f"  next: leakfirst rotate approve {plan.id[:12]} --digest {plan.digest[:16]}")
    return printable("\n".join(lines)) + "\n"


def printable(text: str) -> str:
    """Replace what a terminal would not print as text; providers choose names and messages."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
