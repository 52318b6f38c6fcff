"""TensorBoard event files: losses, AUC, and histograms of each field's parameters."""

from __future__ import annotations

import tempfile
from pathlib import Path

from torch import Tensor

from ralm.storage.path import StoragePath

# Histograms are of a table's most frequent rows; a million rows would only be slow.
HISTOGRAM_VALUES = 500_000


class EventLog:
    """Writes event files into a folder, or nothing without a folder.

    Args:
        folder: None on all ranks except the first.
        step: the steps done before this run; an interrupted run's events of later steps are hidden.
    """

    def __init__(self, folder: str | None, step: int = 0) -> None:
        self.writer = None
        self.remote: tuple[StoragePath, tempfile.TemporaryDirectory[str]] | None = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            place = StoragePath.at(folder)
            local = place.path
            if not place.mounted:
                self.remote = place, tempfile.TemporaryDirectory(prefix="ralm-")
                local = self.remote[1].name
            self.writer = SummaryWriter(local, purge_step=step + 1 if step else None)

    def scalars(self, values: dict[str, float | None], step: int) -> None:
        """Write losses and metrics by tag; None values are left out."""
        if self.writer is not None:
            for tag, value in values.items():
                if value is not None:
                    self.writer.add_scalar(tag, value, step)

    def histograms(self, values: dict[str, Tensor], step: int) -> None:
        """Write histograms of parameters or activations by tag."""
        if self.writer is not None:
            for tag, tensor in values.items():
                flat = tensor.detach().flatten()[:HISTOGRAM_VALUES].float().cpu()
                if flat.numel():
                    self.writer.add_histogram(tag, flat, step)

    def close(self) -> None:
        """Flush and close; files of a folder that is not mounted are uploaded now."""
        if self.writer is not None:
            self.writer.close()
        if self.remote is not None:
            place, local = self.remote
            place.upload_from(Path(local.name))
            local.cleanup()
            self.remote = None
