"""PyTorch peer for a whole training run: the tuned kernel field by likelihood with the stages' penalty, Adam with eqflow's
schedule; one thread a core, and as many pairs at a time as fit the cache."""
import os, sys
import torch
import kernel_flow_torch as peer
from protocol import Request, Training

req = Request(sys.argv[1])
run = Training(req)
torch.set_num_threads(len(os.sched_getaffinity(0)))
adam = torch.optim.Adam(peer.params.values(), lr=run.highest)
average = {k: v.detach().clone() for k, v in peer.params.items()}
for k, x in run.batches():
    for group in adam.param_groups:
        group["lr"] = run.rate(k)
    adam.zero_grad()
    peer.backward(peer.likelihood_loss, (torch.from_numpy(x),), 2)
    torch.nn.utils.clip_grad_norm_(peer.params.values(), run.clip)
    adam.step()
    with torch.no_grad():
        for name, v in peer.params.items():
            average[name].lerp_(v, 1 - run.decay(k))
    if run.due(k):
        run.keep(k, average)
run.done(torch.__version__)
