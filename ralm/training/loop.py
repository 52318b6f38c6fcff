"""The training loop that both models share: epochs of fixed steps, validation, checkpoints, resume."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ralm.durations import in_words
from ralm.errors import DataError
from ralm.training.checkpoints import latest_checkpoint, publish, save_checkpoint
from ralm.training.event_log import EventLog
from ralm.training.loaders import Loader, loader_class
from ralm.training.objective import Arrays, Batch, Criterion, Objective
from ralm.training.ranks import Rank
from ralm.training.read_ahead import read_ahead
from ralm.training.specs import LookalikeTrainingSpec, UserTrainingSpec

# Rows that the validation reads, enough for three digits of the AUC; the other ranks wait meanwhile.
VALIDATION_ROWS = 100_000
PROGRESS_SECONDS = 30.0
# Batches read ahead: enough to train on while the loader mixes its next rows.
READ_AHEAD = 8


def seed_epoch(seed: int, epoch: int, rank: int) -> None:
    """Seed torch for one epoch of one rank: a resumed epoch draws what an uninterrupted one would have drawn."""
    torch.manual_seed(int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0]))


def validate(objective: Objective, loader: Loader) -> tuple[float, float | None, Batch | None]:
    """Mean loss, AUC (None if there is only one class), and the first batch, over at most VALIDATION_ROWS rows."""
    losses, labels, logits, weights = [], [], [], []
    first: Batch | None = None
    rows = 0
    objective.model.eval()
    with torch.no_grad():
        for arrays in loader:
            batch = objective.prepare(arrays)
            first = batch if first is None else first
            judged = objective.evaluate(batch)
            count = len(next(iter(arrays.values())))
            losses.append(float(judged.loss) * count)
            labels.append(judged.labels.cpu().numpy())
            logits.append(judged.logits.cpu().numpy())
            weight = torch.ones_like(judged.logits) if judged.weights is None else judged.weights
            weights.append(weight.cpu().numpy())
            rows += count
            if rows >= VALIDATION_ROWS:
                break
    objective.model.train()
    truth = np.concatenate(labels)
    auc = None
    if 0 < truth.sum() < len(truth):
        auc = float(roc_auc_score(truth, np.concatenate(logits), sample_weight=np.concatenate(weights)))
    return sum(losses) / rows, auc, first


def best_epoch(history: Sequence[dict[str, Any]], criterion: Criterion) -> int:
    """The epoch with the lowest validation loss or the highest other criterion; the last epoch without validation."""
    sign = 1 if criterion == "val_loss" else -1
    judged = [entry for entry in history if entry.get(criterion) is not None]
    return int(min(judged, key=lambda e: sign * e[criterion])["epoch"] if judged else history[-1]["epoch"])


class Run:
    """One training of one model on one rank.

    Args:
        spec: what to train on, and how.
        objective: the model with its loss; identical on every rank before the start.
        rank: this process.
        steps: batches of the whole training; None: `training.epochs` epochs.
    """

    def __init__(
        self,
        spec: UserTrainingSpec | LookalikeTrainingSpec,
        objective: Objective,
        rank: Rank,
        steps: int | None = None,
    ) -> None:
        self.spec = spec
        self.objective = objective
        self.rank = rank
        self.history: list[dict[str, Any]] = []
        self.epoch = 0
        self.step = 0
        self.rows = 0
        self.network: nn.Module = objective.model
        if rank.world > 1:
            self.network = objective.parallel()
        self._resume()
        training = spec.training
        self.loader = loader_class(training.loader)(
            list(spec.train_files),
            spec.columns,
            batch_size=max(1, training.batch_size // rank.world),
            rank=rank.number,
            world=rank.world,
            seed=spec.seed,
            epochs=None,
            first_epoch=self.epoch,
        )
        self.steps = steps if steps is not None else training.epochs * self.loader.steps_per_epoch
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])  # saved with the optimizer: a later round starts from it again
        self.epochs = -(-self.steps // self.loader.steps_per_epoch)

    def say(self, text: str) -> None:
        """A progress line, from rank 0."""
        if self.rank.first:
            print(f"[{self.spec.title}] {text}", flush=True)

    def _resume(self) -> None:
        found = latest_checkpoint(self.spec.output, self.spec.digest)
        epoch = self.rank.share(found.metadata["epoch"] if found is not None else 0)
        if epoch == 0:
            return
        if found is None or found.metadata["epoch"] != epoch:
            raise DataError(
                f"model folder {self.spec.output}: rank {self.rank.number} does not see the checkpoint of epoch "
                f"{epoch} that rank 0 sees; it must be on a file system that all ranks mount"
            )
        device = str(self.rank.device)
        self.objective.model.load_state_dict(found.model_state(device))
        for optimizer, state in zip(self.objective.optimizers, found.optimizer_states(device), strict=True):
            optimizer.load_state_dict(state)
        self.epoch, self.step, self.rows = epoch, found.metadata["step"], found.metadata["rows"]
        self.history = list(found.metadata["history"])
        self.say(f"resumed from epoch {epoch}, step {self.step}")

    def train(self) -> dict[str, Any]:
        """Train to the end, or until the validation has not improved for `training.patience` epochs, and publish the
        model of the best epoch.

        Returns:
            history (epoch, step, loss, val_loss, val_auc), seconds, rows, checkpoint: of rank 0, on every rank.

        Raises:
            DataError: the loss is no longer a number.
        """
        started = time.monotonic()
        events = EventLog(self.spec.tensorboard if self.rank.first else None, self.step)
        if self.rank.first and self.epoch == 0:
            events.histograms(self.objective.histograms(None), 0)
            self._open()
        batches = read_ahead(islice(self.loader, self.steps - self.step), READ_AHEAD)
        try:
            while self.objective.worth_training and self.epoch < self.epochs and not self._exhausted():
                seed_epoch(self.spec.seed, self.epoch, self.rank.number)
                loss = self._epoch(batches)
                self.epoch += 1
                self.objective.gather()
                if self.rank.first:
                    self._close_epoch(loss, events)
                self.rank.wait()
        finally:
            batches.close()
            self.loader.close()
            events.close()
        result: dict[str, Any] = {}
        if self.rank.first:
            best = self.best
            checkpoint = latest_checkpoint(self.spec.output, self.spec.digest, best)
            assert checkpoint is not None
            if best != self.epoch:
                self.objective.model.load_state_dict(checkpoint.model_state(str(self.rank.device)))
                found = f"epoch {best} has the best {self.objective.criterion}: its model is kept"
                self.say(found if best else "no epoch is better than the start, which is kept")
            spec = self.spec.model_dump(mode="json")
            publish(self.spec.output, checkpoint.folder, spec, self.objective.weights(), self.history)
            seconds = round(time.monotonic() - started, 3)
            result = {
                "history": self.history,
                "seconds": seconds,
                "rows": self.rows,
                "checkpoint": str(checkpoint.folder),
            }
        return self.rank.share(result)

    def _groups(self) -> Iterator[dict[str, Any]]:
        """The parameter groups of all optimizers."""
        return (group for optimizer in self.objective.optimizers for group in optimizer.param_groups)

    @property
    def best(self) -> int:
        """The best epoch so far."""
        return best_epoch(self.history, self.objective.criterion)

    def _exhausted(self) -> bool:
        """Whether the validation has not improved for long enough: rank 0's answer, on every rank."""
        patience = self.spec.training.patience
        if patience is None or self.epoch == 0:
            return False
        return bool(self.rank.share(self.epoch - self.best >= patience if self.rank.first else None))

    def _epoch(self, batches: Iterator[Arrays]) -> float:
        """Train one epoch, or the remaining steps; returns this rank's mean loss."""
        total = 0.0
        count = min(self.loader.steps_per_epoch, self.steps - self.step)
        began = shown = time.monotonic()
        before = self.rows
        self.network.train()
        for number in range(1, count + 1):
            arrays = next(batches)
            loss = self.objective.loss(self.network, self.objective.prepare(arrays))
            for optimizer in self.objective.optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if self.spec.training.decay == "linear":
                for group in self._groups():
                    group["lr"] = group["initial_lr"] * (1.0 - self.step / self.steps)
            self.objective.step()
            value = float(loss.detach())
            if not np.isfinite(value):
                raise DataError(
                    f"[{self.spec.title}] the loss is {value} at step {self.step + 1}; "
                    "lower training.learning_rate or look for infinite numbers in the samples"
                )
            total += value
            self.step += 1
            self.rows += len(next(iter(arrays.values()))) * self.rank.world
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                rate, left = (self.rows - before) / (shown - began), (self.steps - self.step) * (shown - began) / number
                self.say(
                    f"epoch {self.epoch + 1}/{self.epochs} batch {number}/{count} loss {total / number:.4f}, "
                    f"{rate:,.0f} rows/s, at most {in_words(left)} left"
                )
        return total / max(count, 1)

    def _close_epoch(self, loss: float, events: EventLog) -> None:
        """Validate, record, save (rank 0)."""
        entry = self._entry(loss)
        first: Batch | None = None
        if self.spec.validation_files:
            training = self.spec.training
            with loader_class(training.loader)(
                list(self.spec.validation_files),
                self.spec.columns,
                batch_size=max(1_024, training.batch_size),
                rank=0,
                world=1,
                seed=self.spec.seed,
                epochs=1,
            ) as loader:
                entry["val_loss"], entry["val_auc"], first = validate(self.objective, loader)
        entry |= self.objective.judge()
        events.scalars({k: v for k, v in entry.items() if k not in ("epoch", "step", "kept")}, self.step)
        events.histograms(self.objective.histograms(first), self.step)
        self._save(entry)

    def _open(self) -> None:
        """Record and save the model before the training, if it is one that may stay (rank 0)."""
        if self.objective.opening:
            self._save(self._entry(None) | dict(self.objective.opening))

    def _entry(self, loss: float | None) -> dict[str, Any]:
        """What the history has of every epoch."""
        return {"epoch": self.epoch, "step": self.step, "loss": loss, "val_loss": None, "val_auc": None}

    def _save(self, entry: dict[str, Any]) -> None:
        """Add an entry to the history, save a checkpoint and say so."""
        self.history.append(entry)
        save_checkpoint(
            self.spec.output,
            self.spec.digest,
            self.epoch,
            self.objective.model.state_dict(),
            [optimizer.state_dict() for optimizer in self.objective.optimizers],
            {"step": self.step, "rows": self.rows, "history": self.history},
            self.best,
        )
        shown = "".join(f" {k} {v:.4f}" for k, v in entry.items() if isinstance(v, float))
        kept = f" kept: {entry['kept']}" if "kept" in entry else ""
        self.say(f"epoch {self.epoch}/{self.epochs} step {self.step}{shown}{kept}")
