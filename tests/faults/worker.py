"""Runs mutations in child processes that may crash, hang or eat memory, and reports each failure.

Called by `test_readers.py`, or by hand: ``python tests/faults/worker.py FOLDER 2000 [KIND ...]`` prints the counts of
each kind and keeps the file of each failure in FOLDER. With 0 mutations it reads a few files that are not spoilt.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
# Threads of a library would not survive the fork.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", ARROW_NUM_THREADS="1", MPLBACKEND="Agg")

import readers  # type: ignore[import-not-found]
from readers import READERS

# loaded once, before the forks: their own first import would count as a hang on a busy machine
import exitladder.features
import exitladder.models.exhaustion.file
import exitladder.models.search.search
import exitladder.pipelines.compare
import exitladder.pipelines.report  # noqa: F401
from exitladder.errors import ExitladderError
from exitladder.models.forests.boosting import load_lightgbm

# of processor time; other programs may hold the processors, so without any use of them a reader has ten minutes
SECONDS = 20
WALL_SECONDS = 600
GIGABYTES = 2
# below so many mutations, slow readers get fewer
SHORT = 1000
# readers whose checks run compiled code
COMPILED = ("models", "studies", "runs: compared", "runs: pages")
_LONGEST_MESSAGE = 5000


def outcome(name: str, n: int, seed: int, keep: Path) -> dict[str, Any]:
    """Return what reading the n-th mutation of a kind gave; its file is kept if it is a failure."""
    reader = READERS[name]
    folder = Path(tempfile.mkdtemp(prefix="fault-", dir=keep))
    rng = random.Random(f"{seed} {name} {n}")
    is_kept = False
    try:
        path = reader.make(folder, rng)
        try:
            reader.read(path)
        except ExitladderError as error:
            text = str(error)
            is_kept = len(text) > _LONGEST_MESSAGE or not text.strip() or any(c < " " and c not in "\n\t" for c in text)
            return {"n": n, "is": "bad message" if is_kept else "refused", "text": text[:300]}
        except BaseException as error:
            is_kept = True
            last = [f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
            first = " ".join(str(error).split())[:160]
            return {"n": n, "is": "bug", "text": f"{type(error).__name__}: {first} ({' '.join(last[-4:])})"}
        return {"n": n, "is": "read", "text": ""}
    finally:
        if is_kept:
            shutil.move(folder, keep / f"{name.replace(': ', '-')}-{n}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def child(name: str, first: int, count: int, seed: int, keep: Path, out: int) -> None:
    """Run mutations and write a line for each to a pipe."""
    warnings.simplefilter("ignore")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    most = size + GIGABYTES * 10**9
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(out, "w") as stream:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        for n in range(first, count):
            stream.write(json.dumps(outcome(name, n, seed, keep)) + "\n")
            stream.flush()


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of those that it waited for; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def run(name: str, count: int, seed: int, keep: Path) -> dict[str, Any]:
    """Return the counts of outcomes of a kind, and its failures."""
    counts = {"read": 0, "refused": 0}
    failures: list[dict[str, Any]] = []
    began, n = time.monotonic(), 0
    while n < count:
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            try:
                child(name, n, count, seed, keep, write_end)
                os._exit(0)
            except BaseException:
                traceback.print_exc(file=sys.__stderr__)
            finally:
                os._exit(70)
        os.close(write_end)
        with os.fdopen(read_end, "rb", buffering=0) as stream:
            rest, since, used = b"", time.monotonic(), processor_seconds(pid)
            while True:
                ready, _, _ = select.select([stream], [], [], 1.0)
                if not ready:
                    is_hanging = processor_seconds(pid) - used > SECONDS or time.monotonic() - since > WALL_SECONDS
                    if not is_hanging:
                        continue
                part = stream.read(1 << 16) if ready else None
                if not part:
                    break
                since, used = time.monotonic(), processor_seconds(pid)
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    found = json.loads(line)
                    n = found["n"] + 1
                    if found["is"] in counts:
                        counts[found["is"]] += 1
                    else:
                        failures.append(found)
            if part is None:
                os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if n < count:
            how = f"hang of {SECONDS} s" if part is None else f"crash (status {status})"
            failures.append({"n": n, "is": "hang" if part is None else "crash", "text": how})
            n += 1
    return {
        "kind": name,
        "n": count,
        **counts,
        "failures": failures,
        "seconds": round(time.monotonic() - began, 1),
    }


def warm(name: str, keep: Path) -> None:
    """Read two valid files in a child without a time limit: on a fresh machine, the first compiles kernels."""
    pid = os.fork()
    if pid == 0:
        try:
            readers.leave_as_is()
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            for n in range(2):
                outcome(name, n, 0, keep)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def main() -> int:
    """Run the kinds that are named, or all; print a line of JSON each."""
    keep, count, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(READERS)
    keep.mkdir(parents=True, exist_ok=True)
    load_lightgbm()
    seed = int(os.environ.get("EXITLADDER_FAULT_SEED", "0"))
    failed = 0
    for name in names:
        if name in COMPILED:
            warm(name, keep)
        if count:
            share = READERS[name].share * (READERS[name].short_share if count < SHORT else 1.0)
            found = run(name, max(8, int(count * share)), seed, keep)
        else:
            readers.leave_as_is()
            found = run(name, 4, seed, keep)
        failed += len(found["failures"])
        sys.__stdout__.write(json.dumps(found) + "\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
