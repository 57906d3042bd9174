"""PyTorch peer: the flow of the kernel field with RK4 in float32, eager, with the best number of
threads.

variant plain: ordered pairs by broadcasting, and plain autograd, like bgflow's KernelDynamics.
variant tuned: pairs i<j, time RBFs folded into the weights, one matrix product for six sums, a
    hand-written derivative, and the best chunking. The argument of the exponential is clamped at
    -80, since this version's exp is five times slower far below zero.
"""
import math, os, sys
from functools import partial
import numpy as np, torch
from protocol import EPSILON, K, LONGEST, NAMES, PENALTY, T, TINY, Request, chunkings, fastest, serve

req = Request(sys.argv[1])
n, D, STEPS, B = req.n, req.D, req.steps, req.batch
params = {k: torch.nn.Parameter(torch.from_numpy(req.problem[k].copy())) for k in NAMES}
mu, mu_t = torch.linspace(0, LONGEST, K), torch.linspace(0, 1.0, T)
I, J = np.triu_indices(n, 1)
P = len(I)
A = torch.zeros(P, n)
A[range(P), I], A[range(P), J] = 1.0, -1.0
off_diagonal = 1.0 - torch.eye(n)


class Moments(torch.autograd.Function):
    """Q = R M with R[i,k] = exp(-((d_i - mu_k) ig_k)^2). Only R is kept besides the inputs."""

    @staticmethod
    def forward(ctx, d, ig, M):
        u = (d.unsqueeze(1) - mu).mul_(ig)
        R = u.mul_(u).neg_().clamp_min_(-80.0).exp_()
        ctx.save_for_backward(d, ig, M, R)
        return R @ M

    @staticmethod
    def backward(ctx, gQ):
        d, ig, M, R = ctx.saved_tensors
        gA = torch.mm(gQ, M.t()).mul_(R)
        u = d.unsqueeze(1) - mu
        gAu = gA.mul_(u)
        gd = gAu @ (-2 * ig * ig)
        return gd, -2 * ig * gAu.mul_(u).sum(0), R.t() @ gQ


def time_rbfs(p, ts):
    tr = torch.exp(-(((ts[:, None] - mu_t) * torch.exp(p["neg_log_gammas_time"])) ** 2))
    return tr / (EPSILON + tr.sum(1, keepdim=True))


def fold(p, ts):
    tr = time_rbfs(p, ts)
    return p["weights"] @ tr.t(), (p["importance"] ** 2 @ p["weights"] + p["bias"][0]) @ tr.t()


def tuned_field(p, sign, ts):
    W, c0 = fold(p, ts)
    W, c0, ig = sign * W.t(), sign * c0, torch.exp(p["neg_log_gammas"])
    c, one = -2 * ig * ig, torch.ones_like(W)
    M = torch.stack((one, W, c * one, c * mu * one, W * c, W * c * mu), 2).unbind(0)

    def field(s, x):  # x [b, n, D]; the arrays inside are [n, D·b]
        b = x.shape[0]
        r = (A @ x.permute(1, 2, 0).reshape(n, D * b)).view(P, D, b)
        square = (r * r).sum(1)
        d = (square + EPSILON).sqrt()
        Q0, Q1, Q2, Q3, Q4, Q5 = Moments.apply(d.reshape(-1), ig, M[s]).t().reshape(6, P, b).unbind(0)
        inv = 1.0 / (EPSILON + Q0)
        phi = Q1 * inv + c0[s]
        slope = (d * Q4 - Q5) * inv - Q1 * (d * Q2 - Q3) * inv * inv
        v = (A.t() @ (r * phi.unsqueeze(1)).view(P, D * b)).view(n, D, b)
        return v.permute(2, 0, 1), 2 * (square / d * slope + D * phi).sum(0)

    return field


def plain_field(p, sign, ts):
    tr = time_rbfs(p, ts)
    ig = torch.exp(p["neg_log_gammas"])

    def field(s, x):
        r = x.unsqueeze(2) - x.unsqueeze(1)
        square = (r * r).sum(-1)
        d = (square + EPSILON).sqrt()
        g = torch.exp(-(((d.unsqueeze(-1) - mu) * ig) ** 2))
        dg = -2 * (d.unsqueeze(-1) - mu) * ig * ig * g
        inv = 1 / (EPSILON + g.sum(-1, keepdim=True))
        k = g * inv + p["importance"] ** 2
        dk = dg * inv - g * dg.sum(-1, keepdim=True) * inv * inv
        phi = ((k @ p["weights"] + p["bias"][0]) * tr[s]).sum(-1) * off_diagonal
        slope = ((dk @ p["weights"]) * tr[s]).sum(-1) * off_diagonal
        return sign * (r * phi.unsqueeze(-1)).sum(2), sign * (square / d * slope + D * phi).sum((1, 2))

    return field


def integrate(p, x, inverse):  # x [b, n·D] -> y, log|det dy/dx|, penalty [b]
    ts = torch.arange(2 * STEPS + 1) / (2.0 * STEPS)
    sign, ts = (-1.0, 1 - ts) if inverse else (1.0, ts)
    field = (tuned_field if req.variant == "tuned" else plain_field)(p, sign, ts)
    b, h = x.shape[0], 1.0 / STEPS
    x, ld, pen = x.view(b, n, D), torch.zeros(b), torch.zeros(b)
    for i in range(STEPS):
        k1, l1 = field(2 * i, x)
        k2, l2 = field(2 * i + 1, x + h / 2 * k1)
        k3, l3 = field(2 * i + 1, x + h / 2 * k2)
        k4, l4 = field(2 * i + 2, x + h * k3)
        if torch.is_grad_enabled():
            dk = k2 - k3
            pen = pen + h * ((l2 - l3).abs() + ((dk * dk).sum((1, 2)) + TINY).sqrt())
        x = x + h / 6 * (k1 + 2 * (k2 + k3) + k4)
        ld = ld + h / 6 * (l1 + 2 * (l2 + l3) + l4)
    return x.reshape(b, n * D), ld, pen


log_prior = lambda z: -0.5 * (z**2).sum(-1) - 0.5 * (n - 1) * D * math.log(2 * math.pi)


def likelihood_loss(x):
    z, ld, pen = integrate(params, x, True)
    return (PENALTY * pen - log_prior(z) - ld).sum() / B


def matching_loss(x, z, t):  # every configuration has its own time, so there are no tables
    at = torch.lerp(z, x, t.unsqueeze(1)).view(-1, n, D).permute(1, 2, 0)
    r = (A @ at.reshape(n, -1)).view(P, D, -1)
    d = ((r * r).sum(1) + EPSILON).sqrt()
    u = (d.unsqueeze(0) - mu.view(K, 1, 1)) * torch.exp(params["neg_log_gammas"]).view(K, 1, 1)
    R = torch.exp((-(u**2)).clamp_min(-80.0))
    W, c0 = fold(params, t)
    phi = (W.unsqueeze(1) * R).sum(0) / (EPSILON + R.sum(0)) + c0
    v = (A.t() @ (r * phi.unsqueeze(1)).view(P, -1)).view(n * D, -1).t()
    return ((v - (x - z)) ** 2).sum() / B


def backward(loss, batch, chunks):
    total = 0.0
    for part in zip(*(a.chunk(chunks) for a in batch)):
        value = loss(*part)
        value.backward()
        total += value.item()
    return total


def stepper(loss, batch, setting):
    threads, chunks = setting
    # The rate is so small that the parameters hardly change, however long the measurement.
    adam = torch.optim.Adam(params.values(), lr=1e-6)

    def call():
        torch.set_num_threads(threads)
        adam.zero_grad()
        backward(loss, batch, chunks)
        adam.step()

    return call


@torch.no_grad()
def push(z, chunks):
    parts = [(part, *integrate(params, part, False)[:2]) for part in z.chunk(chunks)]
    return torch.cat([x for _, x, _ in parts]), torch.cat([log_prior(z) - ld for z, _, ld in parts])


@torch.no_grad()
def log_p(x, chunks):
    parts = [integrate(params, part, True)[:2] for part in x.chunk(chunks)]
    return torch.cat([log_prior(z) + ld for z, ld in parts])


def draw(chunks):
    z = torch.randn(B, n, D)
    return push((z - z.mean(1, keepdim=True)).reshape(B, -1), chunks)


def repeat(work, setting):
    threads, chunks = setting

    def call():
        torch.set_num_threads(threads)
        work(chunks)

    return call


def main():
    x, z = (torch.from_numpy(req.configurations(name)) for name in ("data", "z"))
    counts = chunkings(B, P) if req.variant == "tuned" else [1]
    settings = [(threads, chunks) for threads in sorted({1, len(os.sched_getaffinity(0))}) for chunks in counts]
    if req.work in ("train", "matching"):
        loss, batch = likelihood_loss, (x,)
        if req.work == "matching":
            loss, batch = matching_loss, (x, z, torch.from_numpy(req.problem["t"][:B].copy()))
        value = backward(loss, batch, 1)
        values = {"loss": [value]} | {"grad_" + k: v.grad.numpy().copy() for k, v in params.items()}
        best, call, compile_s = fastest(settings, partial(stepper, loss, batch))
    elif req.work == "sample":
        values = dict(zip(("x", "log_q"), push(z, 1)))
        best, call, compile_s = fastest(settings, partial(repeat, draw))
    else:
        values = {"log_p": log_p(x, 1)}
        best, call, compile_s = fastest(settings, partial(repeat, partial(log_p, x)))
    setting = f"{best[0]} threads, {best[1]} chunks"
    serve(call, version=torch.__version__, setting=setting, values=values, compile_s=compile_s)


if __name__ == "__main__":
    main()
