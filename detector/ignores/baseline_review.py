"""Review findings in the terminal: show one, ask for a decision, show the next.

Each decision is written at once, so quitting loses nothing. Values are redacted;
rule, location and context are shown.
"""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

from detector.ignores import baseline
from detector.model import Finding
from detector.text.untrusted import format_location, make_printable

CHOICES = "[f]alse positive  [a]ccept until a day  [s]kip  [q]uit"


class ReviewSession:
    """A review that reads from and writes to the given streams."""

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
        """Ask about each of *findings*; return how many were added to the baseline at *path*."""
        added = 0
        if not findings:
            self._print("Nothing to review: every finding is in the baseline.")
        for number, finding in enumerate(findings, 1):
            self._show(finding, f"{number} of {len(findings)}")
            try:
                choice = self._ask(CHOICES, "fasq")
                if choice == "s":
                    continue
                if choice == "q":
                    break
                decided = self._ask_details(choice, proposed, today)
            except EOFError:
                break
            entry = baseline.make_entry(finding, known, added=today, **decided)
            known = baseline.add_entries(known, [entry])
            baseline.write(path, known)
            added += 1
        self._print(f"{path}: {added} added.")
        return added

    def _ask_details(self, choice: str, proposed: Mapping[str, str], today: str) -> dict[str, str]:
        usual = "false positive" if choice == "f" else ""
        reason = self._ask_line("Reason", proposed.get("reason") or usual)
        owner = self._ask_line("Owner", proposed.get("owner", ""))
        expires = proposed.get("expires", "")
        if choice == "a":
            in_90_days = (datetime.date.fromisoformat(today) + datetime.timedelta(days=90)).isoformat()
            expires = self._ask_day(expires or in_90_days)
        return {"reason": reason, "owner": owner, "expires": expires}

    def _show(self, finding: Finding, count: str) -> None:
        lines = ["", f"{count}: {finding.rule.finds}  {finding.secret.redacted}"]
        lines.append(f"  {finding.rule.id}, severity {finding.severity}, confidence {finding.confidence}")
        for location in finding.locations[:5]:
            origin = location.origin
            commit = f" in commit {origin.commit[:12]}" if origin.commit else ""
            lines.append(f"  {format_location(location)}{commit}")
            if location.snippet:
                lines.append(f"      {make_printable(location.snippet)[:160]}")
        if len(finding.locations) > 5:
            lines.append(f"  and {len(finding.locations) - 5} more locations")
        if finding.rule.harm:
            lines += textwrap.wrap(finding.rule.harm, 100, initial_indent="  If it is real: ", subsequent_indent="  ")
        lines += [f"  {evidence.fact}" for evidence in finding.evidence]
        self._print("\n".join(lines))

    def _ask(self, question: str, letters: str) -> str:
        while True:
            answer = self._read_line(f"{question} > ").strip().lower()[:1]
            if answer and answer in letters:
                return answer

    def _ask_line(self, name: str, proposed: str) -> str:
        return self._read_line(f"{name} [{proposed}] > " if proposed else f"{name} > ").strip() or proposed

    def _ask_day(self, proposed: str) -> str:
        while True:
            text = self._ask_line("Accept until (day)", proposed)
            try:
                return datetime.date.fromisoformat(text).isoformat()
            except ValueError:
                self._print("  Write a day such as 2027-01-31.")

    def _read_line(self, prompt: str) -> str:
        self._out.write(prompt)
        self._out.flush()
        line = self._given.readline()
        if not line:
            raise EOFError
        return line

    def _print(self, text: str) -> None:
        self._out.write(text + "\n")
