"""Writes the EGNN's reference problems: parameters, configurations, and the results of every kind
of work in float64.

    python egnn_reference.py REFERENCE_FOLDER

The field is written for one configuration, edge by edge, as in its definition. The divergence and
all gradients are by automatic differentiation. Data, prior draws and times are those of the kernel
field's references. A gradient has 88 000 numbers, so the file has its products with eight
directions for each parameter array.
"""
import math, os, sys
import numpy as np, jax, jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
from protocol import EPSILON

HIDDEN, LAYERS, STEPS, MIDDLE, PROBES = 64, 3, 20, 3.0, 8
BATCHES = {"DW4": (64, 256, 1024), "LJ13": (64,)}


def draw():
    """Parameters on a coarse grid, which compresses well."""
    rng, h, out = np.random.default_rng(11), HIDDEN, {}

    def weights(name, rows, columns, fan, scale=1.0):
        out[name] = (np.round(8 * rng.standard_normal((rows, columns))) / 8 * scale / math.sqrt(fan)).astype(np.float32)

    def bias(name):
        out[name] = (np.round(8 * rng.standard_normal(h)) / 80).astype(np.float32)

    weights("embed", 1, h, 1), bias("embed_bias")
    for k in range(LAYERS):
        name = lambda part: f"layer_{k}_{part}"
        for part, rows in (("to", h), ("from", h), ("distance", 1), ("start", 1)):
            weights(name(part), rows, h, 2 * h + 2)
        bias(name("edge_bias"))
        weights(name("message"), h, h, h), bias(name("message_bias"))
        weights(name("pull"), h, h, h), bias(name("pull_bias"))
        weights(name("strength"), h, 1, h, 0.5)
        if k < LAYERS - 1:
            weights(name("own"), h, h, 2 * h), weights(name("heard"), h, h, 2 * h), bias(name("update_bias"))
            weights(name("update"), h, h, h), bias(name("update_out_bias"))
    return out


def silu(x):
    return x / (1 + jnp.exp(-x))


def velocity(p, x, t):  # one configuration [n, D]
    n = len(x)
    distance = lambda y, i, j: jnp.sqrt(((y[i] - y[j]) ** 2).sum() + EPSILON)
    i, j = (jnp.asarray(a) for a in np.nonzero(1 - np.eye(n, dtype=int)))
    every = lambda f: jax.vmap(f)(i, j)
    start, y = every(lambda i, j: distance(x, i, j) - MIDDLE), x
    h = jnp.tile(t * p["embed"][0] + p["embed_bias"], (n, 1))
    for k in range(LAYERS):
        q = {name[len(f"layer_{k}_") :]: w for name, w in p.items() if name.startswith(f"layer_{k}_")}
        now = every(lambda i, j: distance(y, i, j))
        edge = h[i] @ q["to"] + h[j] @ q["from"] + (now - MIDDLE)[:, None] * q["distance"]
        edge = edge + start[:, None] * q["start"] + q["edge_bias"]
        m = silu(silu(edge) @ q["message"] + q["message_bias"])
        strength = silu(m @ q["pull"] + q["pull_bias"]) @ q["strength"]
        y = y + jax.ops.segment_sum((y[i] - y[j]) / (now + 1)[:, None] * strength, i, n)
        if k < LAYERS - 1:
            incoming = jax.ops.segment_sum(m, i, n)
            h = h + silu(h @ q["own"] + incoming @ q["heard"] + q["update_bias"]) @ q["update"] + q["update_out_bias"]
    v = y - x
    return v - v.mean(0)


def field(p, x, t):
    J = jax.jacfwd(lambda x: velocity(p, x, t))(x)
    return velocity(p, x, t), jnp.trace(J.reshape(x.size, x.size))


def solve(p, x, t0, t1):  # -> x(t1), log|det|
    h = (t1 - t0) / STEPS

    def step(carry, i):
        x, ld = carry
        t = t0 + i * h
        k1, l1 = field(p, x, t)
        k2, l2 = field(p, x + h / 2 * k1, t + h / 2)
        k3, l3 = field(p, x + h / 2 * k2, t + h / 2)
        k4, l4 = field(p, x + h * k3, t + h)
        return (x + h / 6 * (k1 + 2 * (k2 + k3) + k4), ld + h / 6 * (l1 + 2 * (l2 + l3) + l4)), None

    return jax.lax.scan(step, (x, 0.0), jnp.arange(STEPS))[0]


def log_prior(z):
    return -0.5 * (z**2).sum() - 0.5 * (z.shape[0] - 1) * z.shape[1] * math.log(2 * math.pi)


def log_p(p, x):
    z, ld = solve(p, x, 1.0, 0.0)
    return log_prior(z) + ld


def push(p, z):
    x, ld = solve(p, z, 0.0, 1.0)
    return x, log_prior(z) - ld


def matching(p, x, z, t):
    return ((velocity(p, (1 - t) * z + t * x, t) - (x - z)) ** 2).sum()


def probe(g):
    """The products of a gradient with PROBES fixed directions."""
    i = np.arange(1, g.size + 1)
    return np.array([(np.asarray(g).ravel() * np.cos(1.7 * (k + 1) * i)).sum() for k in range(PROBES)])


def matching_results(p, x, z, t, sizes):
    """For each size, the mean loss of so many configurations, and the products of its gradient with
    the directions.
    """
    total = jax.jit(jax.value_and_grad(lambda p, x, z, t: jax.vmap(matching, (None, 0, 0, 0))(p, x, z, t).sum()))
    loss, grads, out, at = 0.0, {k: np.zeros(v.shape) for k, v in p.items()}, {}, 0
    for size in sizes:
        while at < size:
            part = slice(at, at + 64)
            value, g = total(p, x[part], z[part], t[part])
            loss, grads, at = loss + value, {k: grads[k] + g[k] for k in g}, at + 64
        out[f"matching_loss_{size}"] = np.array([loss / size])
        out |= {f"matching_probe_{k}_{size}": probe(g / size) for k, g in grads.items()}
    return out


folder = sys.argv[1]
for system, sizes in BATCHES.items():
    like, parameters = np.load(os.path.join(folder, system + ".npz")), draw()
    given = {k: like[k][: sizes[-1]] for k in ("data", "z", "t")}
    out = parameters | given | dict(shape=like["shape"], batches=np.array(sizes))
    p = {k: jnp.asarray(v, jnp.float64) for k, v in parameters.items()}
    x, z, t = (jnp.asarray(given[k], jnp.float64) for k in ("data", "z", "t"))
    out |= matching_results(p, x, z, t, sizes)
    if system == "DW4":
        one_by_one = lambda f, a: jax.jit(lambda a: jax.lax.map(lambda a: f(p, a), a, batch_size=16))(a)
        out["log_p"] = one_by_one(log_p, x)
        out["x"], out["log_q"] = one_by_one(push, z)
        print("moved by", float(jnp.abs(out["x"] - z).mean()), "NLL", float(-out["log_p"].mean()))
    np.savez_compressed(os.path.join(folder, f"EGNN-{system}.npz"), **{k: np.asarray(v) for k, v in out.items()})
    print(system, {s: out[f"matching_loss_{s}"][0] for s in sizes})
