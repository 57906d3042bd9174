"""What the peer programs share: the problem they are given, and how `eqflow bench` talks with them.

A contender is started with one argument, a request in JSON: the work (train, sample, likelihood, matching), the batch, the
solver's steps, the variant, and the problem's file. It prepares, computes the work once, and answers with one line of JSON:
what it computed, for the caller to judge, and how long the first call took, compiling included. Then, for every line
"go SECONDS" on its standard input, it repeats the work for that long and answers with the times of the calls.
"""
import json, sys, time
import numpy as np

NAMES = ("weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time")
K, T, LONGEST = 50, 10, 8.0
PENALTY = 1.0  # weight of the stages' disagreement in the training loss
EPSILON = 1e-6  # under the square root of distances and in the RBFs' normalisation
TINY = 1e-12  # under the square root of the penalty's norm


class Request:
    def __init__(self, text):
        r = json.loads(text)
        self.work, self.batch, self.steps, self.variant = r["work"], r["batch"], r["steps"], r["variant"]
        self.problem = np.load(r["problem"])
        self.n, self.D = (int(v) for v in self.problem["shape"])

    def configurations(self, name, dtype=np.float32):
        """data or z of the problem as [batch, n·D]."""
        return self.problem[name][: self.batch].reshape(self.batch, -1).astype(dtype)


def flat(a):
    return np.asarray(a, np.float64).ravel().tolist()


def say(**row):
    print(json.dumps(row), flush=True)


def serve(once, *, version, setting, values, compile_s):
    """Answers the caller until it closes the pipe. once does the work and waits for its end."""
    say(version=version, setting=setting, compile_s=compile_s, values={k: flat(v) for k, v in values.items()})
    for line in sys.stdin:
        say(**rounds(once, float(line.split()[1])))


def rounds(once, seconds):
    wall, cpu, start = [], [], time.perf_counter()
    while not wall or time.perf_counter() - start < seconds:
        a, c = time.perf_counter(), time.process_time()
        once()
        wall.append((time.perf_counter() - a) * 1e3)
        cpu.append((time.process_time() - c) * 1e3)
    return dict(wall_ms=wall, cpu_ms=cpu)


def fastest(candidates, build):
    """The candidate whose work is quickest, with what build made for it and the seconds of its first call."""
    best = None
    for candidate in candidates:
        once = build(candidate)
        start = time.perf_counter()
        once()
        compile_s = time.perf_counter() - start
        once()
        took = min(rounds(once, 0.5)["wall_ms"])
        if best is None or took < best[0]:
            best = took, candidate, once, compile_s
    return best[1:]


def chunkings(batch, pairs):
    """Numbers of chunks worth trying: none, and about as many pairs at once as second-level caches hold the RBFs of."""
    out = {1}
    for size in (768, 1536, 3072):
        count = next(c for c in range(1, batch + 1) if batch % c == 0 and batch // c * pairs <= max(size, pairs))
        out.add(count)
    return sorted(out)
