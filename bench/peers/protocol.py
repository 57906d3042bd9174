"""What the peer programs share: the problem they are given, and how `eqflow bench` talks with them.

A contender is started with one argument, a request in JSON: the work (train, sample, likelihood, matching), the batch, the
solver's steps, the variant, and the problem's file. It prepares, computes the work once, and answers with one line of JSON:
what it computed, for the caller to judge, and how long the first call took, compiling included. Then, for every line
"go SECONDS" on its standard input, it repeats the work for that long and answers with the times of the calls.
"""
import json, math, os, sys, time
import numpy as np

NAMES = ("weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time")
K, T, LONGEST = 50, 10, 8.0
PENALTY = 1.0  # weight of the stages' disagreement in the training loss
EPSILON = 1e-6  # under the square root of distances and in the RBFs' normalisation
TINY = 1e-12  # under the square root of the penalty's norm


class Request:
    def __init__(self, text):
        r = json.loads(text)
        self.work, self.flow, self.batch, self.steps, self.variant = r["work"], r["flow"], r["batch"], r["steps"], r["variant"]
        self.problem = np.load(r["problem"])
        self.n, self.D = (int(v) for v in self.problem["shape"])
        self.training = r.get("training")  # of a whole run: see Training

    def configurations(self, name, dtype=np.float32):
        """data or z of the problem as [batch, n·D]."""
        return self.problem[name][: self.batch].reshape(self.batch, -1).astype(dtype)


class Training:
    """A run from data to a trained flow, on the clock since the caller started the program. Its recipe is eqflow's."""

    def __init__(self, request):
        r = request.training
        self.steps, self.every, self.seed, self.folder, self.begun = r["steps"], r["every"], r["seed"], r["folder"], r["begun"]
        self.highest, self.warm_up, self.clip, self.average = r["rate"], r["warm_up"], r["clip"], r["average"]
        self.optimizer = r["optimizer"]
        self.batch, self.data = request.batch, request.problem["data"].reshape(len(request.problem["data"]), -1)
        self.paused, self.paused_cpu, self.snapshots = 0.0, 0.0, []

    def rate(self, step):
        """Linear warm-up, then a cosine down to a hundredth."""
        if step < self.warm_up:
            return self.highest * (step + 1) / self.warm_up
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.highest * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

    def decay(self, step):
        return min(self.average, (1 + step) / (10 + step))

    def batches(self):
        """Batches of an endless sequence of shuffled epochs."""
        rng, order = np.random.default_rng(self.seed), np.empty(0, int)
        for step in range(self.steps):
            while len(order) < self.batch:
                order = np.concatenate((order, rng.permutation(len(self.data))))
            yield step, self.data[order[: self.batch]]
            order = order[self.batch :]

    def due(self, step):
        return (step + 1) % self.every == 0 or step + 1 == self.steps

    def keep(self, step, parameters):
        """Keeps the parameters after a step, off the clock."""
        at, cpu = time.time(), time.process_time()
        path = os.path.join(self.folder, f"{step + 1}.npz")
        np.savez(path, **{k: np.asarray(v) for k, v in parameters.items()})
        self.snapshots.append(dict(step=step + 1, seconds=at - self.begun - self.paused, cpu_s=cpu - self.paused_cpu, path=path))
        self.pause(at, cpu)

    def pause(self, at, cpu):
        """Takes what has passed since then off the clocks."""
        self.paused += time.time() - at
        self.paused_cpu += time.process_time() - cpu

    def done(self, version):
        say(version=version, snapshots=self.snapshots)


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
