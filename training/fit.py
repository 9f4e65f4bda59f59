"""Fit the weights of the judgement to labelled files and write `weights.py`.

    python -m training.fit FOLDER [--all] [--check]

FOLDER holds `files/` and `labels.jsonl` (see recipe.md for how it is made).
Without `--all` only the repositories that are not held back are used. The fit
is logistic regression with an L2 penalty over named facts, in plain numpy; it
has no random step, so equal inputs give equal weights. `--check` prints figures
out of repository (folds by owner) instead of writing.

What is shipped are figures per fact. A fact is kept only if it was seen in
repositories of `OWNERS` owners at least; no word, path or value is among them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np  # noqa: TID253

from detector.engine.anchors import HyperscanAutomaton
from detector.engine.scoring import HIGH, LOW, MANUAL_WEIGHTS, MEDIUM, choose_rule, extract_features
from detector.engine.scoring.anchors import ANCHORS
from training.labelled import COPYLEFT, Found, Labelled, held_back

OUT = Path(__file__).parents[1] / "detector/engine/scoring/weights.py"
STRENGTH = 0.2
"""Inverse strength of the penalty: small values pull weights to zero."""
COUNT, OWNERS = 4, 3
"""A fact must occur in that many candidates, and in repositories of that many owners."""


class Example(NamedTuple):
    """A candidate of the labelled files that no veto dropped; `truth` None is left out of the fit."""

    file: str
    line: int
    owner: str
    rule: str
    features: tuple[str, ...]
    truth: int | None


def examples(labelled: Labelled) -> list[Example]:
    """Return every candidate of *labelled* with its facts and its truth."""
    automaton = HyperscanAutomaton.compile(ANCHORS)
    made = []
    for file in labelled.files():
        data = labelled.read(file)
        ends = sorted({hit.end for hit in automaton.scan(data)})
        if not ends:
            continue
        starts = [0, *(match.end() for match in re.finditer(b"\n", data))]
        path = file.split("/", 1)[1]
        for first, assessed in extract_features(data, ends, path):
            if assessed.reason:
                continue
            line = bisect_right(starts, first + assessed.candidate.start)
            truth = _truth(labelled, file, line, assessed.value.decode("utf-8", "replace"))
            made.append(
                Example(
                    file, line, labelled.repository_of(file).split("/")[0],
                    choose_rule(assessed.candidate, assessed.name), tuple(dict.fromkeys(assessed.features)), truth,
                )
            )  # fmt: skip
    return made


def _truth(labelled: Labelled, file: str, line: int, value: str) -> int | None:
    """1 for a labelled credential, 0 for anything else, None where the label says too little."""
    here = [key for key in labelled.by_file.get(file, ()) if key[1] <= line <= key[2]]
    rows: list[Any] = [row for key in here for row in labelled.groups[key]]
    same = [row for row in rows if row["value"] and (row["value"] in value or value in row["value"])]
    core = [key for key in here if labelled.is_core(key)]
    if any(row["truth"] == "T" for row in same):
        return 1 if any(row in same and row["truth"] == "T" for key in core for row in labelled.groups[key]) else None
    if any(labelled.is_true(key) for key in here):
        return None
    return 0


def fit(chosen: Sequence[Example]) -> tuple[float, dict[str, float]]:
    """Return the prior and one weight per fact, fitted to *chosen*."""
    count: Counter[str] = Counter()
    owners: dict[str, set[str]] = defaultdict(set)
    for example in chosen:
        for fact in example.features:
            if fact in MANUAL_WEIGHTS:
                continue
            count[fact] += 1
            owners[fact].add(example.owner)
    names = sorted(fact for fact in count if count[fact] >= COUNT and len(owners[fact]) >= OWNERS)
    index = {fact: number for number, fact in enumerate(names)}
    pairs = [(row, index[fact]) for row, example in enumerate(chosen) for fact in example.features if fact in index]
    rows, columns = np.array(pairs, dtype=np.int64).T
    truth = np.array([example.truth for example in chosen], dtype=float)

    def loss(weights: Any) -> tuple[float, Any]:
        total = np.bincount(rows, weights=weights[:-1][columns], minlength=len(truth)) + weights[-1]
        share = 1 / (1 + np.exp(-np.clip(total, -40, 40)))
        value = float((np.logaddexp(0, total) - truth * total).sum() + weights[:-1] @ weights[:-1] / (2 * STRENGTH))
        slope = np.bincount(columns, weights=(share - truth)[rows], minlength=len(names)) + weights[:-1] / STRENGTH
        return value, np.append(slope, (share - truth).sum())

    weights = minimise(loss, np.zeros(len(names) + 1))
    kept = {fact: round(float(weight), 1) for fact, weight in zip(names, weights[:-1], strict=True)}
    return round(float(weights[-1]), 1), {fact: weight for fact, weight in kept.items() if weight}


def minimise(loss: Callable[[Any], tuple[float, Any]], at: Any, rounds: int = 200, memory: int = 10) -> Any:
    """Return a minimum of the convex *loss* by L-BFGS with step halving."""
    value, slope = loss(at)
    steps: list[tuple[Any, Any]] = []
    for _ in range(rounds):
        direction = slope.copy()
        factors = []
        for moved, turned in reversed(steps):
            factor = (moved @ direction) / (turned @ moved)
            factors.append(factor)
            direction -= factor * turned
        if steps:
            moved, turned = steps[-1]
            direction *= (moved @ turned) / (turned @ turned)
        for (moved, turned), factor in zip(steps, reversed(factors), strict=True):
            direction += moved * (factor - (turned @ direction) / (turned @ moved))
        size = 1.0 if steps else 1 / (float(np.abs(slope).sum()) + 1e-9)
        drop = float(slope @ direction)
        while True:
            next_value, next_slope = loss(at - size * direction)
            if next_value <= value - 1e-4 * size * drop or size < 1e-10:
                break
            size /= 2
        moved, turned = -size * direction, next_slope - slope
        if moved @ turned > 1e-10:
            steps = [*steps, (moved, turned)][-memory:]
        at = at + moved
        done = abs(value - next_value) < 1e-6 * max(1.0, abs(next_value))
        value, slope = next_value, next_slope
        if done:
            break
    return at


def score_of(example: Example, prior: float, weights: dict[str, float]) -> float:
    """Return the probability that the sum of evidence stands for."""
    return float(
        1
        / (1 + np.exp(-(prior + sum(weights.get(fact) or MANUAL_WEIGHTS.get(fact, 0.0) for fact in example.features))))
    )


def out_of_repository(chosen: Sequence[Example], draw: int = 0, folds: int = 10) -> list[float]:
    """Return a score for each of *chosen* from a fit that saw nothing of its owner."""
    fold = {
        owner: int(hashlib.sha256(f"{draw}{owner}".encode()).hexdigest(), 16) % folds
        for owner in {example.owner for example in chosen}
    }
    scores = [0.0] * len(chosen)
    for number in range(folds):
        prior, weights = fit([one for one in chosen if fold[one.owner] != number and one.truth is not None])
        for place, example in enumerate(chosen):
            if fold[example.owner] == number:
                scores[place] = score_of(example, prior, weights)
    return scores


def write(prior: float, weights: dict[str, float], inputs: str, owners: Iterable[str], figures: str) -> None:
    """Write the table as a module that imports at once and reads as a list."""
    lines = "\n".join(f"    {json.dumps(fact)}: {weight}," for fact, weight in sorted(weights.items()))
    OUT.write_text(
        '"""Log-odds of every feature; written by `training/fit.py`, not by hand.\n\n'
        f"Inputs: {inputs}.\n{figures}\n"
        f'"""\n\nPRIOR = {prior}\nWEIGHTS: dict[str, float] = {{\n{lines}\n}}\n'
    )
    print(len(weights), "weights from", len(set(owners)), "owners,", OUT.stat().st_size, "bytes")


def report(labelled: Labelled, scored: Iterable[tuple[Example, float]], repositories: set[str], title: str) -> None:
    """Print precision, recall and F1 at each grade."""
    scored = list(scored)
    for grade, least in (("high", HIGH), ("medium", MEDIUM), ("low", LOW)):
        found = [Found(one.file, one.line, one.line, one.rule) for one, score in scored if score >= least]
        score = labelled.score(found, repositories)
        print(
            f"{title:12} {grade:6} P {score.precision:.3f} R {score.recall:.3f} F1 {score.f1:.3f}  "
            f"strict P {score.strict_precision:.3f} F1 {score.strict_f1:.3f}"
        )


def main() -> None:
    """Fit and write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--all", action="store_true", help="fit to the held-back repositories too")
    parser.add_argument("--check", action="store_true", help="print figures, write nothing")
    options = parser.parse_args()
    labelled = Labelled(options.folder)
    made = examples(labelled)
    open_names = {name for name in labelled.repository.values() if not held_back(name)}
    chosen = [one for one in made if labelled.repository_of(one.file) in open_names]
    if options.check:
        report(labelled, zip(chosen, out_of_repository(chosen), strict=True), open_names, "folds")
        prior, weights = fit([one for one in chosen if one.truth is not None])
        closed = set(labelled.repository.values()) - open_names
        others = [(one, score_of(one, prior, weights)) for one in made if one not in chosen]
        report(labelled, others, closed, "held back")
        return
    if options.all:
        chosen = [one for one in made if one.owner not in COPYLEFT]
    prior, weights = fit([one for one in chosen if one.truth is not None])
    inputs = f"labels {labelled.digest[:16]}, {len(chosen)} candidates"
    figures = f"Penalty 1/{STRENGTH}, features of {OWNERS} owners or more."
    write(prior, weights, inputs, {one.owner for one in chosen}, figures)


if __name__ == "__main__":
    main()
