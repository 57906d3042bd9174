"""JAX peer for a whole training run: the tuned kernel field by likelihood with the penalty, or the
EGNN by flow matching.

Batches, learning rate, bound on the gradient and moving average of the parameters are eqflow's.
"""
import sys
from functools import partial
import jax, jax.numpy as jnp
from jax_work import OPTIMIZERS, Flow, value_and_grad
from protocol import Request, Training

req = Request(sys.argv[1])
run = Training(req)
if req.flow == "kernel":
    import kernel_flow_jax as peer

    params, flow = peer.params, Flow(req, peer.params, peer.integrate, peer.matching_loss)
    loss, chunks = flow.likelihood, 2
else:
    import egnn_flow_jax as peer

    params, loss, chunks = peer.parameters(req), partial(peer.matching_loss, req.n, req.D), 1
start, move = OPTIMIZERS[run.optimizer]


def inputs(x, key):
    """The inputs of the loss: data, and for flow matching also prior draws and stratified times."""
    if req.flow == "kernel":
        return (x,)
    a, b = jax.random.split(key)
    z = jax.random.normal(a, (req.batch, req.n, req.D))
    t = (jnp.arange(req.batch) + jax.random.uniform(b, (req.batch,))) / req.batch
    return x, (z - z.mean(1, keepdims=True)).reshape(x.shape), t


@partial(jax.jit, donate_argnums=(0, 1, 2))
def step(p, average, state, key, x, rate, decay):
    value, g = value_and_grad(loss, chunks, p, inputs(x, key))
    size = jnp.sqrt(sum((a * a).sum() for a in jax.tree.leaves(g)))
    g = jax.tree.map(lambda a: a * jnp.minimum(1.0, run.clip / (size + 1e-12)), g)
    p, state = move(rate, p, state, g)
    return p, jax.tree.map(lambda a, b: a + (1 - decay) * (b - a), average, p), state, value


p, average, state = jax.tree.map(jnp.copy, params), jax.tree.map(jnp.copy, params), start(params)
for k, x in run.batches():
    key = jax.random.key(run.seed * 1_000_003 + k)
    p, average, state, value = step(p, average, state, key, x, run.rate(k), run.decay(k))
    if run.due(k):
        value.block_until_ready()
        run.save(k, average)
run.done(jax.__version__)
