"""Writes the reference problems: parameters, configurations, and the results of every kind of work
in float64.

    python reference.py FLOW_TESTDATA LJ55_CONFIGURATIONS.npz OUT_FOLDER [SYSTEM ...]

The field is written for one configuration, as in its definition, with ordered pairs and without
tables. The slope and all gradients are by automatic differentiation. So the definition is the only
formula that it shares with the programs that it judges.
"""
import math, os, sys
import numpy as np, jax, jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
from protocol import EPSILON, K, LONGEST, NAMES, PENALTY, T, TINY

BATCHES = {"DW4": (64, 256, 1024), "LJ13": (64, 256), "LJ55": (16,)}
SHAPES = {"DW4": (4, 2), "LJ13": (13, 3), "LJ55": (55, 3)}
STEPS = 20
mu, mu_t = jnp.linspace(0, LONGEST, K), jnp.linspace(0, 1.0, T)


def phi(p, d, t):
    R = jnp.exp(-(((d - mu) * jnp.exp(p["neg_log_gammas"])) ** 2))
    S = jnp.exp(-(((t - mu_t) * jnp.exp(p["neg_log_gammas_time"])) ** 2))
    R, S = R / (EPSILON + R.sum()), S / (EPSILON + S.sum())
    return (R + p["importance"] ** 2) @ p["weights"] @ S + p["bias"][0] @ S


def field(p, x, t):  # x [n, D] -> velocity [n, D], divergence
    n, D = x.shape
    r = (x[:, None] - x[None]).reshape(n * n, D)
    other = 1.0 - jnp.eye(n).reshape(-1)
    square = (r * r).sum(1)
    d = jnp.sqrt(square + EPSILON)
    value, slope = jax.vmap(jax.value_and_grad(phi, argnums=1), (None, 0, None))(p, d, t)
    v = (r * (value * other)[:, None]).reshape(n, n, D).sum(1)
    return v, (other * (square / d * slope + D * value)).sum()


def solve(p, x, t0, t1):  # -> x(t1), log|det|, penalty
    h = (t1 - t0) / STEPS

    def step(carry, i):
        x, ld, pen = carry
        t = t0 + i * h
        k1, l1 = field(p, x, t)
        k2, l2 = field(p, x + h / 2 * k1, t + h / 2)
        k3, l3 = field(p, x + h / 2 * k2, t + h / 2)
        k4, l4 = field(p, x + h * k3, t + h)
        pen = pen + abs(h) * (jnp.abs(l2 - l3) + jnp.sqrt(((k2 - k3) ** 2).sum() + TINY))
        return (x + h / 6 * (k1 + 2 * (k2 + k3) + k4), ld + h / 6 * (l1 + 2 * (l2 + l3) + l4), pen), None

    return jax.lax.scan(jax.checkpoint(step), (x, 0.0, 0.0), jnp.arange(STEPS))[0]


def log_prior(z):
    return -0.5 * (z**2).sum() - 0.5 * (z.shape[0] - 1) * z.shape[1] * math.log(2 * math.pi)


def log_p(p, x):
    z, ld, _ = solve(p, x, 1.0, 0.0)
    return log_prior(z) + ld


def push(p, z):
    x, ld, _ = solve(p, z, 0.0, 1.0)
    return x, log_prior(z) - ld


def train(p, x, z, t):
    z, ld, pen = solve(p, x, 1.0, 0.0)
    return PENALTY * pen - log_prior(z) - ld


def matching(p, x, z, t):
    return ((field(p, (1 - t) * z + t * x, t)[0] - (x - z)) ** 2).sum()


def check_divergence(p, x):
    n, D = x.shape
    J = jax.jacfwd(lambda x: field(p, x, 0.3)[0])(x).reshape(n * D, n * D)
    assert abs(jnp.trace(J) - field(p, x, 0.3)[1]) < 1e-10, "the field's divergence is not the trace of its Jacobian"


def mean_free(x):
    return (x - x.mean(1, keepdims=True)).astype(np.float32)


def problem(system, parameters, data):
    n, D = SHAPES[system]
    most = BATCHES[system][-1]
    rng = np.random.default_rng(7)
    data = mean_free(data.reshape(-1, n, D)[:most].astype(np.float64))
    z = mean_free(rng.standard_normal((most, n, D)))
    t = ((np.arange(most) * 389 % most + rng.random(most)) / most).astype(np.float32)
    out = dict(parameters, shape=np.array([n, D]), batches=np.array(BATCHES[system]), data=data, z=z, t=t)
    p = {k: jnp.asarray(v, jnp.float64) for k, v in parameters.items()}
    x64, z64, t64 = (jnp.asarray(a, jnp.float64) for a in (data, z, t))
    check_divergence(p, x64[0])
    one_by_one = lambda f, *a: jax.lax.map(lambda a: f(p, *a), a, batch_size=16)
    out["log_p"] = one_by_one(log_p, x64)
    out["x"], out["log_q"] = one_by_one(push, z64)
    for work in (train, matching):
        losses, grads = one_by_one(jax.value_and_grad(work), x64, z64, t64)
        for b in BATCHES[system]:
            out[f"{work.__name__}_loss_{b}"] = losses[:b].mean()[None]
            for k in NAMES:
                out[f"{work.__name__}_grad_{k}_{b}"] = grads[k][:b].mean(0)
    return {k: np.asarray(v) for k, v in out.items()}


testdata, lj55, folder, *wanted = sys.argv[1:]
for system in wanted or BATCHES:
    like = np.load(os.path.join(testdata, f"reference_{'DW4' if system == 'DW4' else 'LJ13'}.npz"))
    parameters = {k: like[k] for k in NAMES}
    data = np.load(lj55)["x"] if system == "LJ55" else like["data"]
    result = problem(system, parameters, data)
    np.savez_compressed(os.path.join(folder, system + ".npz"), **result)
    losses = {b: result[f"train_loss_{b}"][0] for b in BATCHES[system]}
    print(system, "NLL", -result["log_p"].mean(), "log q", result["log_q"].mean(), "loss", losses)
