"""The code that all peers share: their problem, and the protocol of `eqflow bench`.

A contender is started with one argument, a request in JSON: the work (train, sample, likelihood,
matching), the batch, the solver's steps, the variant, and the problem's file. It does the work once
and answers with one line of JSON: its results, which the caller judges, and the time of the first
call, compiling included. Then, for every line "go SECONDS" on its standard input, it repeats the
work for that long and answers with the times of the calls.
"""
import json, math, os, sys, time
import numpy as np

NAMES = ("weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time")
K, T, LONGEST = 50, 10, 8.0
PENALTY = 1.0  # weight in the training loss of the difference between RK4's two middle stages
EPSILON = 1e-6  # under the square root of distances and in the RBFs' normalisation
TINY = 1e-12  # under the square root of the penalty's norm


class Request:
    def __init__(self, text):
        r = json.loads(text)
        self.work, self.flow, self.variant = r["work"], r["flow"], r["variant"]
        self.batch, self.steps = r["batch"], r["steps"]
        self.problem = np.load(r["problem"])
        self.n, self.D = (int(v) for v in self.problem["shape"])
        self.training = r.get("training")  # set for a whole training run: see Training

    def configurations(self, name, dtype=np.float32):
        """The problem's "data" or "z" as [batch, n·D]."""
        return self.problem[name][: self.batch].reshape(self.batch, -1).astype(dtype)


class Training:
    """A training run by eqflow's recipe, timed from the moment when the caller starts the program.
    """

    def __init__(self, request):
        r = request.training
        self.steps, self.every, self.seed = r["steps"], r["every"], r["seed"]
        self.folder, self.begun = r["folder"], r["begun"]
        self.highest, self.warm_up, self.clip, self.average = r["rate"], r["warm_up"], r["clip"], r["average"]
        self.optimizer = r["optimizer"]
        data = request.problem["data"]
        self.batch, self.data = request.batch, data.reshape(len(data), -1)
        self.paused, self.paused_cpu, self.snapshots = 0.0, 0.0, []

    def rate(self, step):
        """The learning rate: a linear warm-up, then a cosine down to a hundredth."""
        if step < self.warm_up:
            return self.highest * (step + 1) / self.warm_up
        progress = (step - self.warm_up) / max(1, self.steps - self.warm_up)
        return self.highest * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)

    def decay(self, step):
        """The decay of the moving average, shorter in the first steps."""
        return min(self.average, (1 + step) / (10 + step))

    def batches(self):
        """Pairs (step, batch). The batches come from an endless sequence of shuffled epochs."""
        rng, order = np.random.default_rng(self.seed), np.empty(0, int)
        for step in range(self.steps):
            while len(order) < self.batch:
                order = np.concatenate((order, rng.permutation(len(self.data))))
            yield step, self.data[order[: self.batch]]
            order = order[self.batch :]

    def due(self, step):
        """Whether the parameters are to be saved after this step."""
        return (step + 1) % self.every == 0 or step + 1 == self.steps

    def save(self, step, parameters):
        """Saves the parameters after a step, off the clock."""
        at, cpu = time.time(), time.process_time()
        path = os.path.join(self.folder, f"{step + 1}.npz")
        np.savez(path, **{k: np.asarray(v) for k, v in parameters.items()})
        seconds, cpu_s = at - self.begun - self.paused, cpu - self.paused_cpu
        self.snapshots.append(dict(step=step + 1, seconds=seconds, cpu_s=cpu_s, path=path))
        self.pause(at, cpu)

    def pause(self, at, cpu):
        """Subtracts the time since `at` and the processor time since `cpu` from the clocks."""
        self.paused += time.time() - at
        self.paused_cpu += time.process_time() - cpu

    def done(self, version):
        answer(version=version, snapshots=self.snapshots)


def flat(a):
    """The numbers of an array as a list."""
    return np.asarray(a, np.float64).ravel().tolist()


def answer(**row):
    """Writes one line of JSON to the caller."""
    print(json.dumps(row), flush=True)


def serve(call, *, version, setting, values, compile_s):
    """Answers the caller until it closes the pipe. call() does the work and waits for its end."""
    answer(version=version, setting=setting, compile_s=compile_s, values={k: flat(v) for k, v in values.items()})
    for line in sys.stdin:
        answer(**rounds(call, float(line.split()[1])))


def rounds(call, seconds):
    """Repeats the work for some seconds and returns the times of the calls."""
    wall, cpu, start = [], [], time.perf_counter()
    while not wall or time.perf_counter() - start < seconds:
        a, c = time.perf_counter(), time.process_time()
        call()
        wall.append((time.perf_counter() - a) * 1e3)
        cpu.append((time.process_time() - c) * 1e3)
    return dict(wall_ms=wall, cpu_ms=cpu)


def fastest(candidates, build):
    """The fastest candidate, its call build(candidate), and the seconds of its first call."""
    best = None
    for candidate in candidates:
        call = build(candidate)
        start = time.perf_counter()
        call()
        compile_s = time.perf_counter() - start
        call()
        took = min(rounds(call, 0.5)["wall_ms"])
        if best is None or took < best[0]:
            best = took, candidate, call, compile_s
    return best[1:]


def chunkings(batch, pairs):
    """Numbers of chunks worth trying: 1, and those whose RBFs of all pairs about fill a
    second-level cache.
    """
    out = {1}
    for size in (768, 1536, 3072):
        count = next(c for c in range(1, batch + 1) if batch % c == 0 and batch // c * pairs <= max(size, pairs))
        out.add(count)
    return sorted(out)
