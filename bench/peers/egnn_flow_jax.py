"""JAX peer: the EGNN flow with RK4 in float32. The field and its parameter names are those of
dynamics.EGNN in eqflow.

The divergence is exact, by forward-mode differentiation along the (n-1)·D mean-free directions.

variant plain: the obvious program, a vmap over configurations and the trace of a full Jacobian in
    all n·D coordinates.
variant tuned: all directions at once, as an axis beside the batch, in the best of several
    chunkings.
"""
import sys
from functools import partial
import numpy as np, jax, jax.numpy as jnp
from jax_work import Flow
from protocol import EPSILON, TINY, Request

MIDDLE = 3.0  # subtracted from all distances


def mean_free_basis(n, D):
    """Orthonormal directions [(n-1)·D, n, D]."""
    q = np.linalg.qr(np.eye(n) - 1 / n)[0][:, : n - 1]
    return np.einsum("ia,kl->akil", q, np.eye(D)).reshape(-1, n, D)


def others(n):
    """Indices [n, n-1] of the other particles, for each particle."""
    return (np.arange(n)[:, None] + np.arange(1, n)) % n


def velocity(p, x, t):  # x [..., n, D], t [...] -> [..., n, D]
    n, silu = x.shape[-2], jax.nn.silu
    layers = sum(1 for k in p if k.endswith("_pull"))
    neighbours, start, y = others(n), None, x
    h = jnp.repeat((t[..., None] @ p["embed"] + p["embed_bias"])[..., None, :], n, -2)  # [..., n, H]
    for k in range(layers):
        q = lambda part: p[f"layer_{k}_{part}"]
        r = y[..., :, None, :] - y[..., neighbours, :]  # [..., n, n-1, D]
        d = jnp.sqrt((r * r).sum(-1, keepdims=True) + EPSILON)
        now = d - MIDDLE
        start = now if start is None else start
        edge = (h @ q("to") + q("edge_bias"))[..., :, None, :] + (h @ q("from"))[..., neighbours, :]
        edge = edge + now * q("distance") + start * q("start")
        m = silu(silu(edge) @ q("message") + q("message_bias"))
        strength = silu(m @ q("pull") + q("pull_bias")) @ q("strength")
        y = y + (r / (d + 1) * strength).sum(-2)
        if k < layers - 1:
            h = h + silu(h @ q("own") + m.sum(-2) @ q("heard") + q("update_bias")) @ q("update") + q("update_out_bias")
    v = y - x
    return v - v.mean(-2, keepdims=True)


def tuned_field(p, x, t, basis):
    """Velocity and divergence, all directions at once."""
    derivative = lambda u: jax.jvp(lambda x: velocity(p, x, t), (x,), (jnp.broadcast_to(u, x.shape),))
    v, along = jax.vmap(derivative, out_axes=(None, 0))(basis)
    return v, (along * basis[:, None]).sum((0, 2, 3))


def plain_field(p, x, t, basis):
    """Velocity and divergence, with a full Jacobian for each configuration."""

    def one(x, t):
        f = lambda flat: velocity(p, flat.reshape(x.shape), t).reshape(-1)
        return f(x.reshape(-1)).reshape(x.shape), jnp.trace(jax.jacfwd(f)(x.reshape(-1)))

    return jax.vmap(one)(x, t)


def solver(req, field):
    n, D, basis = req.n, req.D, jnp.asarray(mean_free_basis(req.n, req.D), jnp.float32)

    def integrate(p, x, inverse):  # x [b, n·D] -> y, log|det dy/dx|, penalty [b]
        b, h, t0 = x.shape[0], (-1.0 if inverse else 1.0) / req.steps, 1.0 if inverse else 0.0
        rate = lambda x, t: field(p, x, jnp.broadcast_to(t, (b,)), basis)

        def step(carry, i):
            x, ld, pen = carry
            t = t0 + i * h
            k1, l1 = rate(x, t)
            k2, l2 = rate(x + h / 2 * k1, t + h / 2)
            k3, l3 = rate(x + h / 2 * k2, t + h / 2)
            k4, l4 = rate(x + h * k3, t + h)
            pen = pen + abs(h) * (jnp.abs(l2 - l3) + jnp.sqrt(((k2 - k3) ** 2).sum((1, 2)) + TINY))
            return (x + h / 6 * (k1 + 2 * (k2 + k3) + k4), ld + h / 6 * (l1 + 2 * (l2 + l3) + l4), pen), None

        (x, ld, pen), _ = jax.lax.scan(step, (x.reshape(b, n, D), jnp.zeros(b), jnp.zeros(b)), jnp.arange(req.steps))
        return x.reshape(b, n * D), ld, pen

    return integrate


def matching_loss(n, D, p, batch):
    x, z, t = batch
    at = (1 - t)[:, None] * z + t[:, None] * x
    v = velocity(p, at.reshape(-1, n, D), t).reshape(x.shape)
    return ((v - (x - z)) ** 2).sum(1).mean()


def parameters(req):
    return {k: jnp.asarray(req.problem[k]) for k in req.problem.files if k.startswith(("embed", "layer_"))}


def chunkings(batch):
    return sorted({c for c in (1, 2, 4, 8, 16) if batch % c == 0 and batch // c >= 16} | {1})


if __name__ == "__main__":
    req = Request(sys.argv[1])
    field = tuned_field if req.variant == "tuned" else plain_field
    flow = Flow(req, parameters(req), solver(req, field), partial(matching_loss, req.n, req.D))
    flow.serve(chunkings(req.batch) if req.variant == "tuned" else [1])
