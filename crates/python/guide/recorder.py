# %% [markdown]
# # Does my network age?
# A `Recorder` watches the weights of any training loop. At logarithmically spaced waiting times t_w it keeps them, and later it measures how
# far they have moved since: Delta(t_w, t_w + t). If the curves of all t_w fall together, the training is in a steady state; if
# they fan out, it *ages*: the longer it has run, the slower it moves. It only reads: the run ends on the same bits as without it.
#
# This file is a notebook (cells begin with `# %%`), and the tests run it. It needs torch and matplotlib.

# %% A small network on MNIST, and its aging plot, in twenty lines
import glasslab as gl
import torch

inputs, labels = (torch.from_numpy(a) for a in gl.dataset("mnist"))
torch.set_num_threads(1)  # a network this small has no work for more
recorders = []
for seed in range(2):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    recorder = gl.Recorder(model, steps=1000, label="MNIST, 30 hidden units")
    recorder.step(0)
    for step in range(1, 1001):
        batch = torch.randint(len(inputs), (32,))
        loss = torch.nn.functional.cross_entropy(model(inputs[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recorder.step(step, loss)
    recorders.append(recorder)
axes = recorders[0].plot()
axes.figure.savefig("aging.png", dpi=120)

# %% [markdown]
# ## What it says
# One run has no error bars; several seeds together have a verdict. `write` leaves a run directory as the laboratory does, with a report.

# %%
found = gl.summary(*recorders)
print("verdict:", found["verdict"])
for reason in found["why"]:
    print("  ", reason)
run = gl.write(*recorders, out="runs/mnist")
print("report:", run.report)

# %% [markdown]
# ## What it cost
# A recorder takes at most `max_overhead` of the time (2 %, and a second for the crowded early times); what it left out is listed.

# %%
for recorder in recorders:
    print(f"{recorder.overhead:.1%} of the time, {len(recorder.times)} measurements, {len(recorder.skipped)} skipped")

# %% [markdown]
# ## Large networks
# `keep="sketch"` keeps 4096 numbers for each part of the network instead of a copy; displacements then have a standard error of
# 2 %. `recorder.save(path)` and `recorder.load(path)` go with the checkpoints of the training;
# `glasslab.lightning.RecorderCallback` and `glasslab.transformers.RecorderCallback` do all of this for those trainers;
# `recorder.export_tensorboard(folder)` writes plain scalars.
