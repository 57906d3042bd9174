"""The code that the JAX peers share: every kind of work for a given solve and flow-matching loss,
in float32.
"""
import math
from functools import partial
import numpy as np, jax, jax.numpy as jnp
from protocol import PENALTY, fastest, serve


def in_chunks(f, chunks, args):
    """Applies f to chunks of the leading axis of args, one by one, and stacks the results."""
    if chunks == 1:
        return jax.tree.map(lambda a: a[None], f(args))
    return jax.lax.map(f, jax.tree.map(lambda a: a.reshape(chunks, a.shape[0] // chunks, *a.shape[1:]), args))


def adam(rate, p, state, g):
    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
    move = lambda a, mm, vv: a - rate * (mm / (1 - 0.9**t)) / (jnp.sqrt(vv / (1 - 0.999**t)) + 1e-8)
    return jax.tree.map(move, p, m, v), (m, v, t)


def adam_start(p):
    zeros = lambda: jax.tree.map(jnp.zeros_like, p)
    return zeros(), zeros(), jnp.float32(0)


def is_matrix(a):
    return a.ndim == 2 and min(a.shape) >= 16


def orthogonal(x):
    """The Newton-Schulz iteration for a stack of matrices with no more rows than columns."""
    x = x / (jnp.sqrt((x * x).sum((1, 2), keepdims=True)) + 1e-20)
    for _ in range(5):
        s = x @ x.swapaxes(1, 2)
        x = 3.4445 * x + (-4.7750 * s + 2.0315 * s @ s) @ x
    return x


def muon(rate, p, state, g):
    """eqflow's Muon: it equalises the singular values of each matrix's update.

    Matrices of the same shape are stacked. Adam updates all other parameters.
    """
    averages, rest = state
    small = [k for k in p if not is_matrix(p[k])]
    moved, rest = adam(rate, {k: p[k] for k in small}, rest, {k: g[k] for k in small})
    out, new = dict(moved), {}
    for shape, names in groups(p).items():
        stack = jnp.stack([g[k] for k in names])
        new[shape] = m = 0.95 * averages[shape] + 0.05 * stack
        step = 0.95 * m + 0.05 * stack
        step = orthogonal(step) if shape[0] <= shape[1] else orthogonal(step.swapaxes(1, 2)).swapaxes(1, 2)
        for k, one in zip(names, step):
            out[k] = p[k] - rate * 0.4 * math.sqrt(max(shape)) * one
    return out, (new, rest)


def groups(p):
    """The names of the matrices by shape."""
    out = {}
    for k in p:
        if is_matrix(p[k]):
            out.setdefault(p[k].shape, []).append(k)
    return out


def muon_start(p):
    averages = {s: jnp.zeros((len(names), *s)) for s, names in groups(p).items()}
    return averages, adam_start({k: a for k, a in p.items() if not is_matrix(a)})


OPTIMIZERS = {"adam": (adam_start, adam), "muon": (muon_start, muon)}


def value_and_grad(loss, chunks, p, batch):
    parts = in_chunks(lambda b: jax.value_and_grad(loss)(p, b), chunks, batch)
    return jax.tree.map(lambda a: a.mean(0), parts)


class Flow:
    """A peer's flow.

    integrate(p, x [b, n·D], inverse) returns the end of the solve, log|det| and the penalty.
    matching(p, (x, z, t)) returns the flow-matching loss.
    """

    def __init__(self, request, params, integrate, matching):
        self.req, self.params, self.integrate, self.matching = request, params, integrate, matching
        self.n, self.D, self.B = request.n, request.D, request.batch

    def log_prior(self, z):
        return -0.5 * (z**2).sum(-1) - 0.5 * (self.n - 1) * self.D * math.log(2 * math.pi)

    def likelihood(self, p, batch):
        z, ld, pen = self.integrate(p, batch[0], True)
        return (PENALTY * pen - self.log_prior(z) - ld).mean()

    def log_p(self, p, x, chunks):
        def f(x):
            z, ld, _ = self.integrate(p, x, True)
            return self.log_prior(z) + ld

        return in_chunks(f, chunks, x).reshape(-1)

    def push(self, p, z, chunks):
        def f(z):
            x, ld, _ = self.integrate(p, z, False)
            return x, self.log_prior(z) - ld

        x, log_q = in_chunks(f, chunks, z)
        return x.reshape(self.B, -1), log_q.reshape(-1)

    def draw(self, p, key, chunks):
        z = jax.random.normal(key, (self.B, self.n, self.D))
        return self.push(p, (z - z.mean(1, keepdims=True)).reshape(self.B, -1), chunks)

    def sampler(self, chunks):
        program, key = jax.jit(partial(self.draw, chunks=chunks)), [jax.random.key(1)]

        def call():
            key[0] = jax.random.split(key[0])[0]
            x, log_q = program(self.params, key[0])
            np.asarray(x), np.asarray(log_q)

        return call

    def scorer(self, x, chunks):
        program = jax.jit(partial(self.log_p, chunks=chunks))
        return lambda: np.asarray(program(self.params, x))

    def stepper(self, loss, batch, chunks):
        def step(p, state, batch):
            value, g = value_and_grad(loss, chunks, p, batch)
            # The rate is so small that the parameters hardly change, however long the measurement.
            p, state = adam(1e-6, p, state, g)
            return p, state, value

        program = jax.jit(step, donate_argnums=(0, 1))
        state = [jax.tree.map(jnp.copy, self.params), adam_start(self.params)]

        def call():
            p, s, value = program(*state, batch)
            value.block_until_ready()
            state[:] = p, s

        return call

    def serve(self, chunkings):
        req, params = self.req, self.params
        x, z = (jnp.asarray(req.configurations(name)) for name in ("data", "z"))
        if req.work in ("train", "matching"):
            loss, batch = self.likelihood, (x,)
            if req.work == "matching":
                loss, batch = self.matching, (x, z, jnp.asarray(req.problem["t"][: self.B]))
            chunks, call, compile_s = fastest(chunkings, partial(self.stepper, loss, batch))
            value, g = jax.jit(partial(value_and_grad, loss, chunks))(params, batch)
            values = {"loss": [value]} | {"grad_" + k: g[k] for k in params}
        elif req.work == "sample":
            chunks, call, compile_s = fastest(chunkings, self.sampler)
            values = dict(zip(("x", "log_q"), jax.jit(partial(self.push, chunks=chunks))(params, z)))
        else:
            chunks, call, compile_s = fastest(chunkings, partial(self.scorer, x))
            values = {"log_p": self.scorer(x, chunks)()}
        serve(call, version=jax.__version__, setting=f"{chunks} chunks", values=values, compile_s=compile_s)
