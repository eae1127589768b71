"""Puts each small defect into a module of a copy, and lists what its fast tests let through."""

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tests.mutation import lua, python
from tests.mutation.modules import MODULES
from tests.mutation.mutant import Mutant
from tests.mutation.trial import BrokenTestsError, Copy

HARMLESS = Path(__file__).with_name("harmless.txt")

_copies: list[Copy] = []  # this process's own


def mutants(path: str, root: Path) -> list[Mutant]:
    """Return all defects of a file below a folder."""
    language = lua if path.endswith(".lua") else python
    return [*language.mutants(path, (root / path).read_text())]


def harmless() -> set[str]:
    """Return the changes that are known to do no harm, each after its file's path."""
    return {line for line in HARMLESS.read_text().splitlines() if line and not line.startswith("#")}


def main() -> int:
    """Return 1 if a defect was let through that is not known to be harmless."""
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: {', '.join(MODULES)}")
    parser.add_argument("--sample", type=int, metavar="N", help="try at most N of a module's defects, drawn at random")
    options = parser.parse_args()
    if unknown := set(options.modules) - {*MODULES}:
        parser.error(f"{', '.join(sorted(unknown))}: no such module; there are {', '.join(MODULES)}")
    try:
        return try_all(options.modules or [*MODULES], options.sample)
    except BrokenTestsError as error:
        sys.exit(f"{parser.prog}: {error}")


def try_all(paths: list[str], sample: int | None) -> bool:
    """Print what is let through of each module; return whether anything is new."""
    known, is_new = harmless(), False
    with TemporaryDirectory(prefix="mutation-") as folder:
        origin = Copy(Path(folder))
        for path in paths:
            every = mutants(path, origin.folder)
            tried = random.sample(every, min(sample or len(every), len(every)))
            counts: Counter[str] = Counter()
            for mutant in survivors(tried, origin, MODULES[path]):
                kind = "harmless" if f"{path}: {mutant.change}" in known else "new"
                counts[kind] += 1
                if kind == "new":
                    print(mutant, flush=True)
            caught = len(tried) - counts.total()
            print(
                f"{path}: {len(tried)} of {len(every)} defects tried, {caught} caught, {counts['harmless']} harmless,"
                f" {counts['new']} let through",
                flush=True,
            )
            is_new |= counts["new"] > 0
    return is_new


def survivors(mutants: list[Mutant], origin: Copy, tests: tuple[str, ...]) -> Iterator[Mutant]:
    """Try each, as many at once as there are processors; return those that the tests let through."""
    limit_s = 5 + 3 * origin.warm_up(tests)
    with ProcessPoolExecutor(os.cpu_count(), get_context("fork"), _make_copy, (origin.folder,)) as processes:
        count = len(mutants)
        outcomes = processes.map(_try, mutants, [tests] * count, [limit_s] * count)
        for number, (mutant, is_let_through) in enumerate(zip(mutants, outcomes, strict=True), 1):
            if sys.stderr.isatty():
                print(f"\r{number} of {count} ", end="", file=sys.stderr, flush=True)
            if is_let_through:
                yield mutant


def _make_copy(origin: Path) -> None:
    _copies.append(Copy(Path(mkdtemp(dir=origin.parent)), origin))


def _try(mutant: Mutant, tests: tuple[str, ...], limit_s: float) -> bool:
    return _copies[0].lets_through(mutant.path, mutant.text, tests, limit_s)


if __name__ == "__main__":
    sys.exit(main())
