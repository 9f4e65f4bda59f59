"""Go through findings in the terminal: show one, take a decision, show the next.

Each decision is written at once, so leaving in the middle loses nothing. What
is shown is redacted; a decision can be made from rule, place and context.
"""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from detector.ignores import baseline
from detector.model import Finding

CHOICES = "[f]alse alarm  [a]ccept for now  [l]eave it open  [q]uit"


class Session:
    """One sitting at a terminal; the streams are handed in."""

    def __init__(self, given: TextIO, out: TextIO) -> None:
        self._given, self._out = given, out

    def decide(
        self,
        findings: Sequence[Finding],
        known: baseline.Baseline,
        path: str,
        today: str,
        proposed: Mapping[str, str],
    ) -> int:
        """Ask about each of *findings*; return how many were entered into the baseline at *path*."""
        added = 0
        if not findings:
            self._say("Nothing new: every finding is decided.")
        for number, finding in enumerate(findings, 1):
            self._show(finding, f"{number} of {len(findings)}")
            try:
                choice = self._ask(CHOICES, "falq")
                if choice == "l":
                    continue
                if choice == "q":
                    break
                decided = self._details(choice, proposed, today)
            except EOFError:
                break
            entry = baseline.entry_of(finding, known, added=today, **decided)
            known = baseline.with_entries(known, [entry])
            baseline.write(path, known)
            added += 1
        self._say(f"{path}: {added} entered.")
        return added

    def _details(self, choice: str, proposed: Mapping[str, str], today: str) -> dict[str, str]:
        usual = "false alarm" if choice == "f" else ""
        reason = self._line("Reason", proposed.get("reason") or usual)
        owner = self._line("Owner", proposed.get("owner", ""))
        expires = proposed.get("expires", "")
        if choice == "a":
            in_time = (datetime.date.fromisoformat(today) + datetime.timedelta(days=90)).isoformat()
            expires = self._date(expires or in_time)
        return {"reason": reason, "owner": owner, "expires": expires}

    def _show(self, finding: Finding, count: str) -> None:
        lines = ["", f"{count}: {finding.rule.finds}  {finding.secret.redacted}"]
        lines.append(f"  {finding.rule.id}, severity {finding.severity}, confidence {finding.confidence}")
        for place in finding.locations[:5]:
            origin = place.origin
            commit = f" in commit {origin.commit[:12]}" if origin.commit else ""
            lines.append(f"  {printable(origin.path)}:{place.line}:{place.column}{commit}")
            if place.snippet:
                lines.append(f"      {printable(place.snippet)[:160]}")
        if len(finding.locations) > 5:
            lines.append(f"  and {len(finding.locations) - 5} more places")
        if finding.rule.harm:
            lines += textwrap.wrap(finding.rule.harm, 100, initial_indent="  If it is real: ", subsequent_indent="  ")
        lines += [f"  {evidence.fact}" for evidence in finding.evidence]
        self._say("\n".join(lines))

    def _ask(self, question: str, letters: str) -> str:
        while True:
            answer = self._read(f"{question} > ").strip().lower()[:1]
            if answer and answer in letters:
                return answer

    def _line(self, name: str, proposed: str) -> str:
        return self._read(f"{name} [{proposed}] > " if proposed else f"{name} > ").strip() or proposed

    def _date(self, proposed: str) -> str:
        while True:
            text = self._line("Until (day)", proposed)
            try:
                return datetime.date.fromisoformat(text).isoformat()
            except ValueError:
                self._say("  a day such as 2027-01-31")

    def _read(self, prompt: str) -> str:
        self._out.write(prompt)
        self._out.flush()
        line = self._given.readline()
        if not line:
            raise EOFError
        return line

    def _say(self, text: str) -> None:
        self._out.write(text + "\n")


def printable(text: str) -> str:
    """Return *text* without anything that could steer the terminal."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else " " for c in text)
