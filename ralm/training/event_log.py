"""TensorBoard event files: losses, AUC, and histograms of what each field's parameters look like."""

from __future__ import annotations

from torch import Tensor

# A histogram of the most frequent rows of a table is what one looks at; a million rows would only be slow.
HISTOGRAM_VALUES = 500_000


class EventLog:
    """Writes event files into a folder, or nothing if there is none.

    Args:
        folder: none on all ranks but the first.
        step: first step of this run; later events of an interrupted run are hidden.
    """

    def __init__(self, folder: str | None, step: int = 0) -> None:
        self.writer = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            self.writer = SummaryWriter(folder.removeprefix("file:"), purge_step=step or None)

    def scalars(self, values: dict[str, float | None], step: int) -> None:
        """Losses and metrics by tag; what is None is left out."""
        if self.writer is not None:
            for tag, value in values.items():
                if value is not None:
                    self.writer.add_scalar(tag, value, step)

    def histograms(self, values: dict[str, Tensor], step: int) -> None:
        """Parameters or activations by tag."""
        if self.writer is not None:
            for tag, tensor in values.items():
                flat = tensor.detach().flatten()[:HISTOGRAM_VALUES].float().cpu()
                if flat.numel():
                    self.writer.add_histogram(tag, flat, step)

    def close(self) -> None:
        """Flush and close."""
        if self.writer is not None:
            self.writer.close()
