"""A callback for the Trainer of Hugging Face: `Trainer(..., callbacks=[RecorderCallback(out="runs/training")])`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

try:
    from transformers import TrainerCallback
except ImportError as missing:
    raise ImportError("glasslab.transformers needs transformers: pip install transformers") from missing

from glasslab._recorder import Recorder

FILE = "glasslab_recorder.npz"
"""Name of the recorder's file in a checkpoint of the Trainer."""


class RecorderCallback(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Records the weights of the model that is trained, on the first process; `recorder` holds what was seen.

    `out`: a new folder for the run directory that is left at the end. The options are those of `Recorder`. The recorder is
    saved in the Trainer's checkpoints and goes on with them. The Trainer does not tell callbacks the loss of a step, so none is recorded.
    """

    def __init__(self, out: str | os.PathLike[str] | None = None, **options: Any) -> None:
        self.out = out
        self.options = options
        self.recorder: Recorder | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Sees the weights at the start, or goes on."""
        if not state.is_world_process_zero or model is None:
            return
        self.recorder = Recorder(model, **self.options)
        saved = self._file(args, state.global_step)
        if state.global_step > 0 and saved.is_file():
            self.recorder.load(saved)
        self._look(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Sees the weights after each update."""
        self._look(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Saves the recorder beside the weights."""
        file = self._file(args, state.global_step)
        if self.recorder is not None and file.parent.is_dir():
            self.recorder.save(file)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leaves the run directory."""
        if self.recorder is not None and self.out is not None:
            self.recorder.write(self.out)

    def _look(self, step: int) -> None:
        if self.recorder is not None and step not in self.recorder.times[-1:]:
            self.recorder.step(step)

    def _file(self, args: Any, step: int) -> Path:
        return Path(args.output_dir) / f"checkpoint-{step}" / FILE
