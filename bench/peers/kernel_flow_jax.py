"""JAX peer: the flow of the kernel field with RK4 in float32. It sums over pairs i<j and folds the
time RBFs into the weights.

variant plain: the obvious program, automatic differentiation through lax.scan.
variant tuned: arrays [K, pairs·batch], a hand-written derivative of the RBF sums, and the best of
    several chunkings.
"""
import sys
import numpy as np, jax, jax.numpy as jnp
from jax_work import Flow
from protocol import EPSILON, K, LONGEST, NAMES, T, TINY, Request, chunkings

req = Request(sys.argv[1])
n, D, STEPS = req.n, req.D, req.steps
params = {k: jnp.asarray(req.problem[k]) for k in NAMES}
mu, mu_t = jnp.linspace(0, LONGEST, K, dtype=jnp.float32), jnp.linspace(0, 1.0, T, dtype=jnp.float32)
I, J = np.triu_indices(n, 1)
P = len(I)
incidence = np.zeros((P, n), np.float32)
incidence[np.arange(P), I], incidence[np.arange(P), J] = 1, -1
A = jnp.asarray(incidence)


def time_rbfs(p, ts):
    tr = jnp.exp(-(((ts[:, None] - mu_t) * jnp.exp(p["neg_log_gammas_time"])) ** 2))
    return tr / (EPSILON + tr.sum(1, keepdims=True))


def fold(p, ts):
    """The distance weights [K, len] and the constant [len] at times ts."""
    tr = time_rbfs(p, ts)
    return p["weights"] @ tr.T, (p["importance"] ** 2 @ p["weights"] + p["bias"][0]) @ tr.T


def tables(p, inverse):
    """The six moment weights [2 STEPS + 1, K, 6] and the constant at the times of RK4's stages, and
    the inverse widths [K].
    """
    ts = jnp.arange(2 * STEPS + 1, dtype=jnp.float32) / (2 * STEPS)
    sign, ts = (-1.0, 1 - ts) if inverse else (1.0, ts)
    W, c0 = fold(p, ts)
    W, c0, ig = sign * W.T, sign * c0, jnp.exp(p["neg_log_gammas"])
    c, one = -2 * ig * ig, jnp.ones_like(W)
    return jnp.stack((one, W, c * one, c * mu * one, W * c, W * c * mu), 2), c0, ig


@jax.custom_vjp
def moments_tuned(d, ig, M):
    return M.T @ jnp.exp(-(((d[None] - mu[:, None]) * ig[:, None]) ** 2))


def _forward(d, ig, M):
    R = jnp.exp(-(((d[None] - mu[:, None]) * ig[:, None]) ** 2))
    return M.T @ R, (d, ig, M, R)


def _backward(saved, gQ):
    d, ig, M, R = saved
    gA = (M @ gQ) * R
    u = d[None] - mu[:, None]
    gAu = gA * u
    return (-2 * ig * ig) @ gAu, -2 * ig * ((gAu * u) @ jnp.ones_like(d)), R @ gQ.T


moments_tuned.defvjp(_forward, _backward)
moments_plain = lambda d, ig, M: (jnp.exp(-(((d[:, None] - mu) * ig) ** 2)) @ M).T
moments = moments_tuned if req.variant == "tuned" else moments_plain


def pairs_of(X):
    r = (A @ X.reshape(n, -1)).reshape(P, D, -1)
    square = (r * r).sum(1)
    return r, square, jnp.sqrt(square + EPSILON)


def field(ig, M, c0, X):  # X [n, D, b] -> velocity [n, D, b], divergence [b]
    r, square, d = pairs_of(X)
    Q0, Q1, Q2, Q3, Q4, Q5 = moments(d.reshape(-1), ig, M).reshape(6, P, -1)
    inv = 1 / (EPSILON + Q0)
    phi = Q1 * inv + c0
    slope = (d * Q4 - Q5) * inv - Q1 * (d * Q2 - Q3) * inv * inv
    v = (A.T @ (r * phi[:, None]).reshape(P, -1)).reshape(X.shape)
    return v, 2 * (square / d * slope + D * phi).sum(0)


def integrate(p, x, inverse):  # x [b, n·D] -> y, log|det dy/dx|, penalty [b]
    M, c0, ig = tables(p, inverse)
    b, h = x.shape[0], 1.0 / STEPS

    def step(carry, t):
        X, ld, pen = carry
        M0, M1, M2, a0, a1, a2 = t
        k1, l1 = field(ig, M0, a0, X)
        k2, l2 = field(ig, M1, a1, X + h / 2 * k1)
        k3, l3 = field(ig, M1, a1, X + h / 2 * k2)
        k4, l4 = field(ig, M2, a2, X + h * k3)
        dk = k2 - k3
        pen = pen + h * (jnp.abs(l2 - l3) + jnp.sqrt((dk * dk).sum((0, 1)) + TINY))
        return (X + h / 6 * (k1 + 2 * (k2 + k3) + k4), ld + h / 6 * (l1 + 2 * (l2 + l3) + l4), pen), None

    start = (x.reshape(b, n, D).transpose(1, 2, 0), jnp.zeros(b), jnp.zeros(b))
    (X, ld, pen), _ = jax.lax.scan(step, start, (M[0:-1:2], M[1::2], M[2::2], c0[0:-1:2], c0[1::2], c0[2::2]))
    return X.transpose(2, 0, 1).reshape(b, n * D), ld, pen


def matching_loss(p, batch):  # every configuration has its own time, so there are no tables
    x, z, t = batch
    at = ((1 - t)[:, None] * z + t[:, None] * x).reshape(-1, n, D).transpose(1, 2, 0)
    r, _, d = pairs_of(at)
    R = jnp.exp(-(((d[None] - mu[:, None, None]) * jnp.exp(p["neg_log_gammas"])[:, None, None]) ** 2))
    W, c0 = fold(p, t)
    phi = (W[:, None] * R).sum(0) / (EPSILON + R.sum(0)) + c0
    v = (A.T @ (r * phi[:, None]).reshape(P, -1)).reshape(n * D, -1).T
    return ((v - (x - z)) ** 2).sum(1).mean()


if __name__ == "__main__":
    Flow(req, params, integrate, matching_loss).serve(chunkings(req.batch, P) if req.variant == "tuned" else [1])
