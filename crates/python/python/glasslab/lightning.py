"""A callback for Lightning: `Trainer(callbacks=[RecorderCallback(out="runs/training")])`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

try:
    from lightning.pytorch import Callback
except ImportError as missing:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        raise ImportError("glasslab.lightning needs lightning: pip install lightning") from missing

from glasslab._recorder import Recorder


class RecorderCallback(Callback):  # type: ignore[misc, unused-ignore]
    """Records the weights of the module that is trained, on the first process; `recorder` holds what was seen.

    `out`: a new folder for the run directory that is left at the end. The options are those of `Recorder`. The recorder is
    saved in Lightning's checkpoints and goes on with them.
    """

    def __init__(self, out: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__()
        self.out = out
        self.options = options
        self.recorder: Recorder | None = None
        self._saved: dict[str, Any] | None = None
        self._seen = -1

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Sees the weights at the start."""
        if not trainer.is_global_zero:
            return
        if self.recorder is None or self._saved is not None:
            self.recorder = Recorder(pl_module, **self.options)
        if self._saved is not None:
            self.recorder.load_state_dict(self._saved)
            self._saved = None
        self._look(trainer.global_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Sees the weights after each update."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        self._look(trainer.global_step, loss)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Leaves the run directory."""
        if self.recorder is not None and self.out is not None:
            self.recorder.write(self.out)

    def _look(self, step: int, loss: Any = None) -> None:
        # While gradients are accumulated the step does not move.
        if self.recorder is not None and step > self._seen:
            self.recorder.step(step, loss)
            self._seen = step

    def state_dict(self) -> dict[str, Any]:
        """The recorder, as tensors."""
        if self.recorder is None:
            return {}
        import torch

        state = self.recorder.state_dict()
        return {n: torch.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for n, v in state.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on with the recorder of a checkpoint when the training does."""
        if state_dict:
            self._saved = {n: v.numpy() if hasattr(v, "numpy") else v for n, v in state_dict.items()}
            self._seen = -1
