"""Fit the weights of the scoring to labelled files and write `weights.py`.

    python -m training.fit FOLDER [--drawn FILE] [--all] [--check]

FOLDER contains `files/` and `labels.jsonl` (see recipe.md). Without `--all` only
the repositories that are not held back are used. The fit is a logistic
regression with an L2 penalty over named features, in numpy; it has no random
step, so equal inputs give equal weights. FILE contains candidates of other
repositories that were drawn and read (see recipe.md); the fit uses them too. `--check` prints the figures of a
cross-validation (folds by owner) and writes nothing.

Only one weight per feature is shipped. A feature is kept only if it occurs in
repositories of at least `MIN_OWNERS` owners; no word, path or value is shipped.
"""

from __future__ import annotations

import argparse
import base64
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
from detector.engine.scoring import HIGH, LOW, MANUAL_WEIGHTS, MEDIUM, choose_rule, extract_features, read_candidates
from detector.engine.scoring.anchors import ANCHORS
from detector.engine.scoring.file_kinds import read_path
from training.labelled import COPYLEFT, Found, Labelled, is_held_back
from training.made import make_examples

OUT = Path(__file__).parents[1] / "detector/engine/scoring/weights.py"
STRENGTH = 0.2
"""Inverse strength of the penalty: smaller values pull the weights to zero."""
MIN_CANDIDATES, MIN_OWNERS = 4, 3
"""A feature must occur in at least that many candidates, and in repositories of that many owners."""


class Example(NamedTuple):
    """A candidate in the labelled files that no veto rejected; if `truth` is None, the fit ignores it."""

    file: str
    line: int
    owner: str
    rule: str
    features: tuple[str, ...]
    truth: int | None


def read_examples(labelled: Labelled) -> list[Example]:
    """Return every candidate in the labelled files with its features and its truth."""
    automaton = HyperscanAutomaton.compile(ANCHORS)
    found = []
    for file in labelled.list_files():
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
            truth = _find_truth(labelled, file, line, assessed.value.decode("utf-8", "replace"))
            found.append(
                Example(
                    file, line, labelled.get_repository(file).split("/")[0],
                    choose_rule(assessed.candidate, assessed.name), tuple(dict.fromkeys(assessed.features)), truth,
                )
            )  # fmt: skip
    return found


def _find_truth(labelled: Labelled, file: str, line: int, value: str) -> int | None:
    """Return 1 for a labelled credential, 0 for anything else, None if the labels do not decide."""
    here = [key for key in labelled.by_file.get(file, ()) if key[1] <= line <= key[2]]
    rows: list[Any] = [row for key in here for row in labelled.groups[key]]
    same = [row for row in rows if row["value"] and (row["value"] in value or value in row["value"])]
    credentials = [key for key in here if labelled.is_credential(key)]
    if any(row["truth"] == "T" for row in same):
        true_rows = [row for key in credentials for row in labelled.groups[key] if row["truth"] == "T"]
        return 1 if any(row in same for row in true_rows) else None
    if any(labelled.is_true(key) for key in here):
        return None
    return 0


def read_drawn(path: str) -> list[Example]:
    """Return the candidates that were drawn from other repositories and read, each with its truth.

    A row holds `repo`, `path`, `text` (the lines around it in Base64), `start` and `end` in them, and
    `truth`: T, F, or X where a reader cannot decide.
    """
    found = []
    for number, line in enumerate(Path(path).read_text().splitlines()):
        row = json.loads(line)
        if row["truth"] == "X":
            continue
        for assessed in read_candidates(base64.b64decode(row["text"]), read_path(row["path"])):
            candidate = assessed.candidate
            if assessed.reason or candidate.end != row["end"] or candidate.start < row["start"]:
                continue
            features = tuple(dict.fromkeys(assessed.features))
            owner = row["repo"].split("/")[0].lower()
            rule, truth = choose_rule(candidate, assessed.name), "FT".find(row["truth"])
            found.append(Example(f"drawn/{number}", 0, owner, rule, features, truth))
    return found


def read_made() -> list[Example]:
    """Return the made-up candidates of `made.py` that no veto rejects."""
    found = []
    for number, (path, text, value, truth) in enumerate(make_examples()):
        data = text.encode()
        for assessed in read_candidates(data, read_path(path)):
            if assessed.value != value.encode() or assessed.reason:
                continue
            features = tuple(dict.fromkeys(assessed.features))
            rule = choose_rule(assessed.candidate, assessed.name)
            found.append(Example(f"made/{number}", 0, f"made {number % MIN_OWNERS}", rule, features, truth))
    return found


def fit(chosen: Sequence[Example]) -> tuple[float, dict[str, float]]:
    """Return the prior and one weight per feature, fitted to *chosen*."""
    count: Counter[str] = Counter()
    owners: dict[str, set[str]] = defaultdict(set)
    for example in chosen:
        for feature in example.features:
            if feature in MANUAL_WEIGHTS:
                continue
            count[feature] += 1
            owners[feature].add(example.owner)
    names = sorted(name for name in count if count[name] >= MIN_CANDIDATES and len(owners[name]) >= MIN_OWNERS)
    index = {name: number for number, name in enumerate(names)}
    pairs = [(row, index[name]) for row, example in enumerate(chosen) for name in example.features if name in index]
    rows, columns = np.array(pairs, dtype=np.int64).T
    truth = np.array([example.truth for example in chosen], dtype=float)

    def compute_loss(weights: Any) -> tuple[float, Any]:
        total = np.bincount(rows, weights=weights[:-1][columns], minlength=len(truth)) + weights[-1]
        probability = 1 / (1 + np.exp(-np.clip(total, -40, 40)))
        value = float((np.logaddexp(0, total) - truth * total).sum() + weights[:-1] @ weights[:-1] / (2 * STRENGTH))
        slope = (
            np.bincount(columns, weights=(probability - truth)[rows], minlength=len(names)) + weights[:-1] / STRENGTH
        )
        return value, np.append(slope, (probability - truth).sum())

    weights = minimise(compute_loss, np.zeros(len(names) + 1))
    kept = {name: round(float(weight), 1) for name, weight in zip(names, weights[:-1], strict=True)}
    return round(float(weights[-1]), 1), {name: weight for name, weight in kept.items() if weight}


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


def compute_score(example: Example, prior: float, weights: dict[str, float]) -> float:
    """Return the probability that an example is a credential."""
    return float(
        1
        / (1 + np.exp(-(prior + sum(weights.get(name) or MANUAL_WEIGHTS.get(name, 0.0) for name in example.features))))
    )


def cross_validate(chosen: Sequence[Example], draw: int = 0, folds: int = 10) -> list[float]:
    """Return a score for each of *chosen*, from a fit without the examples of its owner."""
    fold = {
        owner: int(hashlib.sha256(f"{draw}{owner}".encode()).hexdigest(), 16) % folds
        for owner in {example.owner for example in chosen}
    }
    scores = [0.0] * len(chosen)
    for number in range(folds):
        prior, weights = fit([one for one in chosen if fold[one.owner] != number and one.truth is not None])
        for place, example in enumerate(chosen):
            if fold[example.owner] == number:
                scores[place] = compute_score(example, prior, weights)
    return scores


def write(prior: float, weights: dict[str, float], inputs: str, owners: Iterable[str], figures: str) -> None:
    """Write the table of weights as a Python module."""
    lines = "\n".join(f"    {json.dumps(name)}: {weight}," for name, weight in sorted(weights.items()))
    OUT.write_text(
        '"""Log-odds of every feature; written by `training/fit.py`, not by hand.\n\n'
        f"Inputs: {inputs}.\n{figures}\n"
        f'"""\n\nPRIOR = {prior}\nWEIGHTS: dict[str, float] = {{\n{lines}\n}}\n'
    )
    print(len(weights), "weights from", len(set(owners)), "owners,", OUT.stat().st_size, "bytes")


def report(labelled: Labelled, scored: Iterable[tuple[Example, float]], repositories: set[str], title: str) -> None:
    """Print precision, recall and F1 for each confidence."""
    scored = list(scored)
    for confidence, least in (("high", HIGH), ("medium", MEDIUM), ("low", LOW)):
        found = [Found(one.file, one.line, one.line, one.rule) for one, score in scored if score >= least]
        score = labelled.score(found, repositories)
        print(
            f"{title:12} {confidence:6} P {score.precision:.3f} R {score.recall:.3f} F1 {score.f1:.3f}  "
            f"strict P {score.strict_precision:.3f} F1 {score.strict_f1:.3f}"
        )


def report_drawn(scored: Iterable[tuple[Example, float]]) -> None:
    """Print for each confidence how many of the drawn candidates have it, and how many of those are credentials."""
    scored = list(scored)
    for confidence, least in (("high", HIGH), ("medium", MEDIUM), ("low", LOW)):
        truths = [one.truth for one, score in scored if score >= least]
        everything = sum(one.truth == 1 for one, _ in scored)
        print(
            f"{'drawn':12} {confidence:6} {len(truths)} of {len(scored)}; {sum(map(bool, truths))} of {everything} true"
        )


def main() -> None:
    """Fit the weights and write them, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--drawn", metavar="FILE", help="candidates of other repositories that were read")
    parser.add_argument("--all", action="store_true", help="fit to the held-back repositories as well")
    parser.add_argument("--check", action="store_true", help="print figures and write nothing")
    options = parser.parse_args()
    labelled = Labelled(options.folder)
    found = read_examples(labelled)
    drawn = read_made() + (read_drawn(options.drawn) if options.drawn else [])
    fitted_names = {name for name in labelled.repository.values() if not is_held_back(name)}
    chosen = [one for one in found if labelled.get_repository(one.file) in fitted_names]
    if options.check:
        scored = list(zip([*chosen, *drawn], cross_validate([*chosen, *drawn]), strict=True))
        report(labelled, scored[: len(chosen)], fitted_names, "folds")
        report_drawn(scored[len(chosen) :])
        prior, weights = fit([one for one in [*chosen, *drawn] if one.truth is not None])
        held_back = set(labelled.repository.values()) - fitted_names
        others = [(one, compute_score(one, prior, weights)) for one in found if one not in chosen]
        report(labelled, others, held_back, "held back")
        return
    if options.all:
        chosen = [one for one in found if one.owner not in COPYLEFT]
    chosen = [one for one in [*chosen, *drawn] if one.truth is not None]
    prior, weights = fit(chosen)
    digest = hashlib.sha256(Path(options.drawn).read_bytes()).hexdigest()[:16] if options.drawn else "none"
    inputs = f"labels {labelled.digest[:16]}, drawn {digest}, {len(chosen)} candidates"
    figures = f"Penalty 1/{STRENGTH}, features of {MIN_OWNERS} owners or more."
    write(prior, weights, inputs, {one.owner for one in chosen}, figures)


if __name__ == "__main__":
    main()
