"""What the JAX peers share: the works made of a field's solve and its flow-matching loss, float32, Adam inside the step."""
import math
from functools import partial
import numpy as np, jax, jax.numpy as jnp
from protocol import PENALTY, fastest, serve


def in_chunks(f, chunks, args):
    """f over the leading axis of args in chunks, one after the other, stacked."""
    if chunks == 1:
        return jax.tree.map(lambda a: a[None], f(args))
    return jax.lax.map(f, jax.tree.map(lambda a: a.reshape(chunks, a.shape[0] // chunks, *a.shape[1:]), args))


def adam(rate, p, state, g):
    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
    p = jax.tree.map(lambda a, mm, vv: a - rate * (mm / (1 - 0.9**t)) / (jnp.sqrt(vv / (1 - 0.999**t)) + 1e-8), p, m, v)
    return p, (m, v, t)


def adam_start(p):
    zeros = lambda: jax.tree.map(jnp.zeros_like, p)
    return zeros(), zeros(), jnp.float32(0)


def is_matrix(a):
    return a.ndim == 2 and min(a.shape) >= 16


def orthogonal(x):
    """Newton and Schulz's iteration for a stack of matrices, no more rows than columns."""
    x = x / (jnp.sqrt((x * x).sum((1, 2), keepdims=True)) + 1e-20)
    for _ in range(5):
        s = x @ x.swapaxes(1, 2)
        x = 3.4445 * x + (-4.7750 * s + 2.0315 * s @ s) @ x
    return x


def muon(rate, p, state, g):
    """eqflow's: matrices, stacked by shape, along the gradient with its singular values made alike, the rest as Adam does."""
    averages, rest = state
    small = [k for k in p if not is_matrix(p[k])]
    moved, rest = adam(rate, {k: p[k] for k in small}, rest, {k: g[k] for k in small})
    out, kept = dict(moved), {}
    for shape, names in groups(p).items():
        stack = jnp.stack([g[k] for k in names])
        kept[shape] = m = 0.95 * averages[shape] + 0.05 * stack
        step = 0.95 * m + 0.05 * stack
        step = orthogonal(step) if shape[0] <= shape[1] else orthogonal(step.swapaxes(1, 2)).swapaxes(1, 2)
        for k, one in zip(names, step):
            out[k] = p[k] - rate * 0.4 * math.sqrt(max(shape)) * one
    return out, (kept, rest)


def groups(p):
    out = {}
    for k in p:
        if is_matrix(p[k]):
            out.setdefault(p[k].shape, []).append(k)
    return out


def muon_start(p):
    return {s: jnp.zeros((len(names), *s)) for s, names in groups(p).items()}, adam_start({k: a for k, a in p.items() if not is_matrix(a)})


OPTIMIZERS = {"adam": (adam_start, adam), "muon": (muon_start, muon)}


def value_and_grad(loss, chunks, p, batch):
    parts = in_chunks(lambda b: jax.value_and_grad(loss)(p, b), chunks, batch)
    return jax.tree.map(lambda a: a.mean(0), parts)


class Flow:
    """A peer's flow. integrate(p, x [b, n·D], inverse) gives the end, log|det| and the penalty; matching(p, (x, z, t)) the loss."""

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

        def once():
            key[0] = jax.random.split(key[0])[0]
            x, log_q = program(self.params, key[0])
            np.asarray(x), np.asarray(log_q)

        return once

    def scorer(self, x, chunks):
        program = jax.jit(partial(self.log_p, chunks=chunks))
        return lambda: np.asarray(program(self.params, x))

    def stepper(self, loss, batch, chunks):
        def step(p, state, batch):
            value, g = value_and_grad(loss, chunks, p, batch)
            p, state = adam(1e-6, p, state, g)  # so small a rate that the problem stays what it was, however long the measurement
            return p, state, value

        program = jax.jit(step, donate_argnums=(0, 1))
        state = [jax.tree.map(jnp.copy, self.params), adam_start(self.params)]

        def once():
            p, s, value = program(*state, batch)
            value.block_until_ready()
            state[:] = p, s

        return once

    def serve(self, chunkings):
        req, params = self.req, self.params
        x, z = (jnp.asarray(req.configurations(name)) for name in ("data", "z"))
        if req.work in ("train", "matching"):
            loss, batch = (self.likelihood, (x,)) if req.work == "train" else (self.matching, (x, z, jnp.asarray(req.problem["t"][: self.B])))
            chunks, once, compile_s = fastest(chunkings, partial(self.stepper, loss, batch))
            value, g = jax.jit(partial(value_and_grad, loss, chunks))(params, batch)
            values = {"loss": [value]} | {"grad_" + k: g[k] for k in params}
        elif req.work == "sample":
            chunks, once, compile_s = fastest(chunkings, self.sampler)
            values = dict(zip(("x", "log_q"), jax.jit(partial(self.push, chunks=chunks))(params, z)))
        else:
            chunks, once, compile_s = fastest(chunkings, partial(self.scorer, x))
            values = {"log_p": self.scorer(x, chunks)()}
        serve(once, version=jax.__version__, setting=f"{chunks} chunks", values=values, compile_s=compile_s)
