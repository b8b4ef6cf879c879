"""Cost of a search beyond one machine: measured parts and their total.

    python benchmarks/outgrowing.py [--storage postgresql://USER@HOST/DATABASE] [--trades-a-year 50] [--machines 1 4 16]

Measures on this machine, on one thread: a pair of trade and ladder, a candidate generated, a trial stored and a batch
claimed, and the bytes of a bar and of a trade. Adds up what 10,000 symbols x 10 years of minutes x 10,000 trials take.
Wall time for the database, processor time for the rest.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import tempfile
import time
from dataclasses import dataclass

import numpy as np
from engine import candidates, market

from exitladder.execution import simulate_many
from exitladder.features.catalogue import DEFAULT_SET
from exitladder.models.forests.memory_budget import MemoryBudget
from exitladder.models.search.evaluation import Evaluation
from exitladder.models.search.samplers.choice import sampler_of
from exitladder.models.search.samplers.sampler import SearchPlan
from exitladder.models.search.space.candidates import Candidate, Cube
from exitladder.models.search.space.space import SearchSpace
from exitladder.models.search.studies.store import StudyStore
from exitladder.models.search.studies.studies import StudyPlan
from exitladder.plans.ladder import Ladder, Stop
from exitladder.plans.units import Distance
from exitladder.settings.tables import ModelSettings, SearchSettings

SYMBOLS, YEARS, MINUTES_A_YEAR, TRIALS = 10_000, 10, 252 * 390, 10_000
CORES, GIGABITS, BATCH, BARS_A_TRADE = 32, 10.0, 256, 120


@dataclass(frozen=True)
class Parts:
    """Seconds and bytes of the parts of a search."""

    pair: float
    candidate: float
    kept: float
    claim: float
    bar_bytes: float
    trade_bytes: float


def measured(storage: str) -> Parts:
    placed = market(10_000)
    ladders = candidates(BATCH, 0.25)
    simulate_many(placed, ladders[:2], threads=1)
    pair = least(lambda: simulate_many(placed, ladders, threads=1), 5) / (len(placed) * BATCH)
    cube = Cube(SearchSpace(SearchSettings(), Ladder(stop=Stop(initial=Distance(3.0, "ATR")))))
    asked, candidate = asking(cube)
    claim, kept = keeping(storage, asked)
    few = market(2_000, n_symbols=10, n_bars=2_000)
    with_bars, half = len(pickle.dumps(few, -1)), len(pickle.dumps(few.take(np.arange(1_000)), -1))
    trade_bytes = (with_bars - half) / 1_000
    return Parts(pair, candidate, kept, claim, (with_bars - 2_000 * trade_bytes) / few.bars.n_bars, trade_bytes)


def least(run: object, rounds: int) -> float:
    """Return the median processor seconds of a call."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        run()  # type: ignore[operator]
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def asking(cube: Cube) -> tuple[list[Candidate], float]:
    """Return a batch of the default sampler, and the seconds per candidate to propose it and record its result."""
    plan = SearchPlan("mixture", 0, 16 * BATCH, BATCH)
    sampler = sampler_of(plan, cube)
    began = time.process_time()
    for batch in range(1, 17):
        asked = sampler.ask(batch, BATCH)
        sampler.tell(batch, asked, Evaluation.of_values(np.random.default_rng(batch).random(BATCH)))
    return asked, (time.process_time() - began) / (16 * BATCH)


def keeping(storage: str, asked: list[Candidate]) -> tuple[float, float]:
    """Return wall seconds of a claim, and of a trial kept, the quickest of 12: others use the machine as well."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        store = StudyStore(storage or f"sqlite:///{folder}/studies.db", fresh=True)
        plan = StudyPlan(SearchPlan("qmc", 0, 12 * BATCH, BATCH), 0, False, 1, ("value",), (), {})
        study = store.open("benchmarks/outgrowing.py", plan)
        claims, kept = [], []
        for _ in range(12):
            began = time.perf_counter()
            batch = study.claim()
            claims.append(time.perf_counter() - began)
            began = time.perf_counter()
            study.finish(batch or 0, asked, Evaluation.of_values(np.zeros(BATCH)))
            kept.append((time.perf_counter() - began) / BATCH)
        store.close()
    return min(claims), min(kept)


def training_lines(trades: int) -> list[tuple[str, str]]:
    """Return the expected memory of training on these trades with the default features and settings."""
    settings, n_features = ModelSettings(), len(DEFAULT_SET)
    rows = trades * BARS_A_TRADE
    room = MemoryBudget.of(rows, n_features, settings)
    return [
        (f"rows of training, {BARS_A_TRADE} a trade x {n_features} features", f"{4e-9 * rows * n_features:.0f} GB"),
        (f"training in memory, row_step = {settings.row_step}", f"{room.in_memory / 1e9:.0f} GB"),
        ("training with the rows on disk", f"{room.on_disk / 1e9:.0f} GB"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", default="", help="a database to measure; by default SQLite in a temporary folder")
    parser.add_argument("--trades-a-year", type=int, default=50, help="trades a symbol and year")
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 4, 16])
    args = parser.parse_args()
    p = measured(args.storage)
    where = args.storage.split(":")[0] or "sqlite"
    bars, trades = SYMBOLS * YEARS * MINUTES_A_YEAR, SYMBOLS * YEARS * args.trades_a_year
    held = bars * p.bar_bytes + trades * p.trade_bytes
    work, asking_s = trades * TRIALS * p.pair, TRIALS * p.candidate
    writing = TRIALS * p.kept + TRIALS / BATCH * 2 * p.claim
    lines = [
        ("a pair of trade and ladder", f"{p.pair * 1e9:.0f} ns"),
        ("a candidate generated (mixture)", f"{p.candidate * 1e6:.0f} us"),
        (f"a trial stored ({where}, batches of {BATCH})", f"{p.kept * 1e6:.0f} us"),
        ("a batch claimed", f"{p.claim * 1e3:.1f} ms"),
        ("a bar sent to a worker", f"{p.bar_bytes:.0f} bytes"),
        ("a trade sent to a worker", f"{p.trade_bytes:.0f} bytes"),
        ("", ""),
        (f"{bars / 1e9:.1f} billion bars, {trades / 1e6:.1f} million trades, {TRIALS:,} trials", ""),
        ("memory of each worker process", f"{held / 1e9:.0f} GB"),
        (f"sending it to one machine over {GIGABITS:.0f} Gbit/s", f"{held * 8 / GIGABITS / 1e9:,.0f} s"),
        ("simulating", f"{work / 3600:.2f} core hours"),
        ("generating candidates, in one process", f"{asking_s:.1f} s"),
        ("storing and claiming, one after another", f"{writing:.1f} s"),
    ]
    for n in args.machines:
        seconds = max(work / (n * CORES), writing) + asking_s / n
        lines.append((f"{n} machines of {CORES} cores, data in place", f"{seconds:.1f} s"))
    lines.append(("storing is the bottleneck from", f"{work / CORES / writing:.1f} machines on"))
    lines += [("", ""), *training_lines(trades)]
    print("\n".join(f"{name:55}{result}".rstrip() for name, result in lines))


if __name__ == "__main__":
    main()
