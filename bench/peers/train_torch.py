"""PyTorch peer for a whole training run: the tuned kernel field by likelihood with the penalty.

The optimiser is Adam with eqflow's schedule. The program finds the best number of threads and
chunks off the clock.
"""
import os, sys, time
from functools import partial
import torch
import kernel_flow_torch as peer
from protocol import Request, Training, chunkings, fastest

req = Request(sys.argv[1])
run = Training(req)
start = {k: v.detach().clone() for k, v in peer.params.items()}
begun = time.time(), time.process_time()
counts = sorted({1, len(os.sched_getaffinity(0))})
settings = [(threads, chunks) for threads in counts for chunks in chunkings(req.batch, peer.P)]
first = (torch.from_numpy(run.data[: req.batch]),)
(threads, chunks), _, _ = fastest(settings, partial(peer.stepper, peer.likelihood_loss, first))
run.pause(*begun)
with torch.no_grad():
    for name, v in peer.params.items():
        v.copy_(start[name])
torch.set_num_threads(threads)
adam = torch.optim.Adam(peer.params.values(), lr=run.highest)
average = {k: v.clone() for k, v in start.items()}
for k, x in run.batches():
    for group in adam.param_groups:
        group["lr"] = run.rate(k)
    adam.zero_grad()
    peer.backward(peer.likelihood_loss, (torch.from_numpy(x),), chunks)
    torch.nn.utils.clip_grad_norm_(peer.params.values(), run.clip)
    adam.step()
    with torch.no_grad():
        for name, v in peer.params.items():
            average[name].lerp_(v, 1 - run.decay(k))
    if run.due(k):
        run.save(k, average)
run.done(torch.__version__)
