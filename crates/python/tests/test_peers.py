"""With the real packages: torch, Lightning, Transformers, TensorBoard. Run by `cargo xtask check --peers`, skipped without them."""

import subprocess
import sys
from pathlib import Path

import glasslab as gl
import numpy as np
import pytest

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")

GUIDE = Path(__file__).parent.parent / "guide/recorder.py"


def network(dtype=torch.float32):
    """Everything that a careless observer could disturb: dropout, running statistics, random batches."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(20, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(64, 1)]
    return torch.nn.Sequential(*layers).to(dtype)


def train(model, steps, see=lambda step, loss: None, first=0, optimiser=None):
    x = torch.randn(256, 20, generator=torch.Generator().manual_seed(1)).to(next(model.parameters()).dtype)
    y = torch.sin(x.sum(1, keepdim=True))
    optimiser = optimiser or torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    if first == 0:
        see(0, None)
    for step in range(first + 1, steps + 1):
        batch = torch.randint(256, (32,))
        optimiser.zero_grad()
        loss = ((model(x[batch]) - y[batch]) ** 2).mean()
        loss.backward()
        optimiser.step()
        see(step, loss)
    return optimiser


def bits(model):
    return {n: v.detach().clone() for n, v in model.state_dict().items()}


@pytest.mark.parametrize("keep", ["exact", "sketch"])
def test_a_run_with_a_recorder_ends_on_the_same_bits(keep):
    model = network()
    train(model, 60)
    alone, random = bits(model), (torch.random.get_rng_state(), np.random.get_state()[1].copy())
    model = network()
    modes, grads = [], []
    recorder = gl.Recorder(model.named_parameters(), keep=keep, max_overhead=None)

    def see(step, loss):
        before = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
        flags = [p.requires_grad for p in model.parameters()]
        versions = [p._version for p in model.parameters()]
        model.train(step % 2 == 0)
        assert recorder.step(step, loss, grads=True) == (step in recorder.times)
        modes.append(model.training == (step % 2 == 0))
        model.train()
        after = [p.grad for p in model.parameters()]
        grads.append(all((a is None and b is None) or torch.equal(a, b) for a, b in zip(before, after)))
        assert flags == [p.requires_grad for p in model.parameters()]
        assert versions == [p._version for p in model.parameters()], "a parameter was written to"

    train(model, 60, see)
    assert all(modes) and all(grads)
    with_recorder = bits(model)
    assert all(torch.equal(alone[n], with_recorder[n]) for n in alone)
    assert torch.equal(random[0], torch.random.get_rng_state())
    assert np.array_equal(random[1], np.random.get_state()[1])
    assert len(recorder.times) > 20


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_live_afterwards_and_by_numpy_the_displacement_is_the_same(tmp_path, dtype):
    """f64: to 1e-12. f32 and bf16: their differences are exact in f64, so to 1e-12 as well; the bound asked for is rounding."""
    save = pytest.importorskip("safetensors.torch").save_file
    model = network(dtype)
    steps = [0, 1, 2, 5, 10, 20, 40]
    recorder = gl.Recorder(model.named_parameters(), schedule=steps, max_overhead=None)
    raw = []
    (tmp_path / "tensors").mkdir()
    (tmp_path / "pickles").mkdir()

    def see(step, loss):
        if recorder.step(step, loss):
            named = {n: p.detach().clone() for n, p in model.named_parameters()}
            save(named, tmp_path / "tensors" / f"step{step}.safetensors")
            torch.save(model.state_dict(), tmp_path / "pickles" / f"step{step}.pt")
            raw.append(np.concatenate([p.double().numpy().ravel() for p in named.values()]))

    train(model, 40, see)
    assert recorder.times == steps
    direct = np.mean((np.stack(raw)[None] - np.stack(raw)[:, None]) ** 2, -1)
    upper = np.triu(np.ones_like(direct, bool))
    live = recorder._records()["msd"].values[0]
    np.testing.assert_allclose(live[upper], direct[upper], rtol=1e-12)
    for folder in ("tensors", "pickles"):
        # The state dict holds running statistics too, which are no parameters.
        read = np.asarray(gl.two_time(tmp_path / folder, skip=["running_"], exact=True).records()["msd"])[0]
        np.testing.assert_allclose(read[upper], direct[upper], rtol=1e-12)
    assert direct[0, -1] > 0


def test_losses_and_gradients_are_those_of_torch():
    model = network()
    recorder = gl.Recorder(model, max_overhead=None)
    seen = {}

    def see(step, loss):
        if recorder.step(step, loss, grads=True) and loss is not None:
            seen[step] = (loss.item(), sum(float((p.grad.double() ** 2).sum()) for p in model.parameters()))

    train(model, 20, see)
    records = recorder._records()
    for t, step in enumerate(records["loss_time"].values):
        assert records["train_loss"].values[0, t] == seen[step][0]
    for t, step in enumerate(records["norm_time"].values):
        if step:
            assert records["batch_gradient_squared"].values[0, t] == pytest.approx(seen[step][1], rel=1e-12)


def test_a_torch_checkpoint_resumes_the_recorder(tmp_path):
    whole = gl.Recorder(network().named_parameters(), max_overhead=None)
    model = network()
    whole = gl.Recorder(model.named_parameters(), max_overhead=None)
    train(model, 60, whole.step)
    model = network()
    first = gl.Recorder(model.named_parameters(), max_overhead=None)
    optimiser = train(model, 30, first.step)
    state = {n: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for n, v in first.state_dict().items()}
    torch.save(state, tmp_path / "state.pt")
    second = gl.Recorder(model.named_parameters(), max_overhead=None)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    train(model, 60, second.step, first=30, optimiser=optimiser)
    for name, record in whole._records().items():
        np.testing.assert_array_equal(record.values, second._records()[name].values, err_msg=name)


def test_an_energy_of_torch_is_a_system(tmp_path):
    """Rosenbrock's function: force and Hessian against their closed forms; a descent ends on the same bits as numpy's."""

    def energy(x):
        return ((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2).sum()

    system = gl.torch_system(energy, lambda rng: rng.standard_normal(2), name="rosenbrock")
    a, b = x = np.array([-0.7, 0.4])
    value, force = system.energy_force(x)
    assert value == pytest.approx((1 - a) ** 2 + 100 * (b - a * a) ** 2, rel=1e-14)
    np.testing.assert_allclose(force, [2 * (1 - a) + 400 * a * (b - a * a), -200 * (b - a * a)], rtol=1e-13)
    hessian = [[2 - 400 * (b - 3 * a * a), -400 * a], [-400 * a, 200]]
    np.testing.assert_allclose(system.hessian_vec(x, np.eye(2)), hessian, rtol=1e-13)
    method = {"kind": "descent", "step_size": 1e-4}
    run = gl.run_system(system, method, steps=200, replicas=2, out=tmp_path / "run")
    assert run.manifest["state"] == "completed"

    def linear(x):
        return 3 * x.sum()

    flat = gl.torch_system(linear, lambda rng: rng.standard_normal(3))
    np.testing.assert_array_equal(flat.hessian_vec(np.zeros(3), np.ones(3)), 0)

    def broken(x):
        raise OverflowError("torch said no")

    with pytest.raises(OverflowError, match="torch said no"):
        gl.torch_system(broken, lambda rng: rng.standard_normal(3)).energy(np.zeros(3))


def test_tensorboard_gets_every_scalar(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = network()
    recorder = gl.Recorder(model, max_overhead=None)
    train(model, 20, recorder.step)
    count = recorder.export_tensorboard(tmp_path / "events")
    read = events.EventAccumulator(str(tmp_path / "events"), size_guidance={"scalars": 0}).Reload()
    tags = read.Tags()["scalars"]
    assert sum(len(read.Scalars(t)) for t in tags) == count > 500
    records = recorder._records()
    k = list(records["waiting_time"].values).index(10)
    found = {e.step: e.value for e in read.Scalars("msd/t_w=10")}
    for t, step in enumerate(records["time"].values):
        if step >= 10:
            assert found[step] == pytest.approx(records["msd"].values[0, k, t], rel=1e-6)
    assert "msd_layer/0.weight/t_w=0" in tags and "train_loss" in tags


def test_weights_and_biases_gets_an_offline_run(tmp_path):
    pytest.importorskip("wandb")
    model = network()
    recorder = gl.Recorder(model, max_overhead=None)
    train(model, 5, recorder.step)
    assert recorder.export_wandb(tmp_path) > 100
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_lightning_calls_back(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    from glasslab.lightning import RecorderCallback

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()
            self.seen = {}

        def training_step(self, batch, index):
            x, y = batch
            return ((self.net(x) - y) ** 2).mean()

        def on_train_batch_end(self, outputs, batch, index):
            self.seen[self.trainer.global_step] = torch.cat([p.detach().reshape(-1) for p in self.parameters()]).double().numpy()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.05)

    data = torch.utils.data.TensorDataset(torch.randn(128, 20), torch.randn(128, 1))
    loader = torch.utils.data.DataLoader(data, 16)
    quiet = dict(logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu")

    def fit(module, callback, epochs, **more):
        trainer = lightning.Trainer(max_epochs=epochs, callbacks=[callback], default_root_dir=tmp_path, **quiet, **more)
        return trainer

    module, callback = Module(), RecorderCallback(out=tmp_path / "run", max_overhead=None, label="lightning")
    trainer = fit(module, callback, 4, enable_checkpointing=False)
    trainer.fit(module, loader)
    recorder = callback.recorder
    assert recorder.times[0] == 0 and recorder.times[-1] == 32 and recorder.waiting_times[:4] == [0, 1, 2, 3]
    records = recorder._records()
    for k, w in enumerate(recorder.waiting_times[1:], 1):
        d = module.seen[32] - module.seen[w]
        assert records["msd"].values[0, k, -1] == pytest.approx(np.mean(d * d), rel=1e-12)
    assert len(records["loss_time"].values) == len(recorder.times) - 1
    assert gl.open(tmp_path / "run").report.is_file()
    # Stopped after half, and gone on with from Lightning's checkpoint: the recorder goes on.
    module, callback = Module(), RecorderCallback(max_overhead=None)
    trainer = fit(module, callback, 2, enable_checkpointing=False)
    trainer.fit(module, loader)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    again = RecorderCallback(max_overhead=None)
    trainer = fit(module, again, 4, enable_checkpointing=False)
    trainer.fit(Module(), loader, ckpt_path=tmp_path / "half.ckpt")
    half = callback.recorder.times
    assert half[-1] == 16 and again.recorder.times[: len(half)] == half and again.recorder.times[-1] == 32
    assert again.recorder.times == recorder.times and again.recorder.waiting_times == recorder.waiting_times


def test_transformers_call_back(tmp_path):
    transformers = pytest.importorskip("transformers")
    from glasslab.transformers import FILE, RecorderCallback

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x, labels):
            out = self.net(x)
            return {"loss": ((out - labels) ** 2).mean(), "logits": out}

    rng = torch.Generator().manual_seed(3)
    data = [{"x": torch.randn(20, generator=rng), "labels": torch.randn(1, generator=rng)} for _ in range(64)]

    def trainer(callback, steps):
        arguments = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"), max_steps=steps, per_device_train_batch_size=8, save_steps=10, report_to=[],
            disable_tqdm=True, use_cpu=True, seed=1, learning_rate=1e-2, lr_scheduler_type="constant",
        )
        return transformers.Trainer(Model(), arguments, train_dataset=data, callbacks=[callback])

    callback = RecorderCallback(out=tmp_path / "run", max_overhead=None)
    trained = trainer(callback, 20)
    trained.train()
    recorder = callback.recorder
    assert recorder.times[0] == 0 and recorder.times[-1] == 20
    now = torch.cat([p.detach().reshape(-1) for p in trained.model.parameters()]).double().numpy()
    assert recorder._records()["norm"].values[0, -1] == pytest.approx(np.linalg.norm(now), rel=1e-12)
    assert (tmp_path / "out/checkpoint-10" / FILE).is_file() and gl.open(tmp_path / "run").report.is_file()
    again = RecorderCallback(max_overhead=None)
    trainer(again, 20).train(resume_from_checkpoint=str(tmp_path / "out/checkpoint-10"))
    assert again.recorder.times == recorder.times and again.recorder.waiting_times == recorder.waiting_times
    np.testing.assert_allclose(again.recorder._records()["msd"].values, recorder._records()["msd"].values, rtol=1e-3)


def test_the_guide_runs(tmp_path):
    """The notebook-style guide, as a program, in an empty folder."""
    done = subprocess.run([sys.executable, str(GUIDE)], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "aging.png").stat().st_size > 10_000
    assert "verdict" in done.stdout
    assert (tmp_path / "runs/mnist/report.html").is_file()
