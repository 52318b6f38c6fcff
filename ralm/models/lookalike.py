"""The look-alike model: a target user against the clustered seeds of an item (Liu et al., KDD 2019, section 3.3)."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ralm.config import Lookalike
from ralm.models.item_classifier import ItemClassifier
from ralm.models.plda import PREFIX, Plda
from ralm.models.pooling import average_centroids, seeds_softmax

Pooling = Literal["attention", "average"]

# Cosines lie in [-1, 1]: a softmax over them is nearly uniform, the average of the seeds. With this factor the local
# attention prefers near centroids from the first step on. It is learned from there, and ends near 2; started at 8 or
# more, a training can spend its epochs getting there.
INITIAL_SHARPNESS = 3.0
# A sigmoid of a bare cosine cannot leave [0.27, 0.73].
INITIAL_TEMPERATURE = 5.0
# What attention adds to the closed form, whose weight stays 1, at the start of the training: as much as it, for a
# user's cosines to the seeds of different items vary by about a quarter.
INITIAL_ATTENTION = 4.0
# With the closed form, whose scores count standard deviations.
INITIAL_CLOSED_TEMPERATURE = 1.0
# The scalars (sharpness, temperature, offset) have to move by whole units, the matrices by hundredths.
SCALAR_RATE = 10.0


class Users(NamedTuple):
    """What the parts of a score need of users: tower (n, h), coordinates of the closed form (n, d) and bias (n,)."""

    tower: Tensor
    coordinates: Tensor
    bias: Tensor

    def chosen(self, rows: Tensor) -> Users:
        """Some of them."""
        return Users(*(part[rows] for part in self))


class LookalikeModel(nn.Module):
    """Scores target users against items described only by the centroids of their seeds.

    Args:
        input_dim: d, the width of the stacked user embedding.
        config: widths, dropout, alpha and beta.
        pooling: 'attention' (RALM), or 'average': the mean of all seeds instead of both attentions.
        closed_form: whether the score has the closed form's term; set it by `start_from`.

    Example:
        >>> model = LookalikeModel(8, Lookalike(hidden_dim=4), "attention").eval()
        >>> model.score(torch.randn(3, 8), torch.randn(3, 5, 8), torch.ones(3, 5, dtype=torch.int32)).shape
        torch.Size([3])
    """

    kept: Tensor

    def __init__(
        self, input_dim: int, config: Lookalike, pooling: Pooling = "attention", closed_form: bool = False
    ) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.config = config
        self.pooling = pooling
        width = config.hidden_dim
        self.linear = nn.Linear(input_dim, width)
        self.prelu = nn.PReLU(width, init=0.5)
        self.dropout = nn.Dropout(config.dropout)
        # An orthogonal start keeps the cosines of the user model, which already say which users are alike.
        nn.init.orthogonal_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        if pooling == "attention":
            self.attention_w = nn.Parameter(torch.eye(width))  # (h, h)
            self.log_sharpness = nn.Parameter(torch.tensor(float(np.log(INITIAL_SHARPNESS))))
            self.global_v1 = nn.Parameter(torch.empty(config.attention_dim, width))  # (t, h)
            self.global_v2 = nn.Parameter(torch.empty(config.attention_dim))  # (t,)
            nn.init.xavier_uniform_(self.global_v1)
            nn.init.normal_(self.global_v2, std=0.01)  # nearly uniform: starts near the average
        if config.user_bias:
            self.bias_weight = nn.Parameter(torch.zeros(input_dim))
        self.log_temperature = nn.Parameter(torch.tensor(float(np.log(INITIAL_TEMPERATURE))))
        self.offset = nn.Parameter(torch.zeros(()))
        self.closed_form = closed_form
        if closed_form:
            self.attention_weight = nn.Parameter(torch.tensor(INITIAL_ATTENTION))
            d = input_dim
            shapes = {"mean": (d,), "basis": (d, d), "between": (d,), "prior": (d,), "axes": (d, d), "penalty": (d,)}
            shapes |= {"common": (d,), "moment": (0, 0), "outward": (d, 0), "numbers": (4,)}
            shapes |= {"levels": (0,), "along": (d, 0)}
            for name, shape in shapes.items():
                self.register_buffer(f"{PREFIX}{name}", torch.zeros(shape))
            # Which of global attention, local attention and user bias the published score has; training has them all.
            self.register_buffer("kept", torch.ones(3))

    def start_from(
        self,
        plda: Plda,
        classifier: ItemClassifier | None = None,
        attention: float = INITIAL_ATTENTION,
        attends: bool = True,
    ) -> None:
        """Start at the closed form: its term, and the tower where cosines compare users as the closed form does.

        Args:
            plda: the closed form; the tower begins linear, at its `metric`.
            classifier: its classifiers.
            attention: the weight of attention.
            attends: whether attention counts before any training.
        """
        with torch.no_grad():
            arrays = plda.arrays() | ({} if classifier is None else classifier.arrays(PREFIX))
            for name, array in arrays.items():
                setattr(self, name, torch.from_numpy(array).to(self.offset.device))
            self.linear.weight.copy_(torch.from_numpy(plda.metric(self.config.hidden_dim).T))
            self.linear.bias.copy_(-self.linear.weight @ self.plda.mean)
            self.prelu.weight.fill_(1.0)
            self.log_temperature.fill_(float(np.log(INITIAL_CLOSED_TEMPERATURE)))
            self.attention_weight.fill_(attention)
            self.kept.copy_(torch.tensor([float(attends), float(attends), 0.0]))

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over a trained model, whatever the width of its factors; what an earlier release lacked stays empty."""
        for name in (one for one in state if one.startswith(PREFIX)):
            setattr(self, name, torch.empty_like(state[name], device=self.offset.device))
        self.load_state_dict({name: own for name, own in self.named_buffers() if name.startswith(PREFIX)} | state)

    @property
    def plda(self) -> Plda:
        """The closed form, of tensors."""
        return Plda(*(getattr(self, f"{PREFIX}{field.name}") for field in fields(Plda)))

    def coordinates(self, raw: Tensor) -> Tensor:
        """The closed form's coordinates of users: (..., d) -> (..., d)."""
        found: Tensor = self.plda.coordinates(raw)
        return found

    def directions(self, centroids: Tensor, sizes: Tensor) -> Tensor:
        """The closed form's unit vectors of items (items, d), by their seeds' mean and number; zeros without seeds."""
        mean, count = average_centroids(centroids, sizes)  # (items, 1, d), (items, 1)
        classifier = ItemClassifier.of_arrays(dict(self.named_buffers()), PREFIX)
        plda = self.plda
        beside = 0.0 if classifier is None else classifier.directions(centroids, sizes, plda).to(centroids.dtype)
        found: Tensor = plda.directions(mean[:, 0], count[:, 0], beside)
        return found

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Start the tower on embeddings of mean 0 and deviation 1, by its weights and bias alone.

        Otherwise what all users share would dominate every cosine, and most of the training would go into removing it.

        Args:
            mean: (d,), of raw embeddings.
            deviation: (d,).
        """
        with torch.no_grad():
            self.linear.weight.div_(deviation.clamp(min=1e-6))
            self.linear.bias.copy_(-self.linear.weight @ mean)

    def tower(self, raw: Tensor) -> Tensor:
        """The transform that targets and centroids share: fully connected, PReLU, dropout, unit length.

        Args:
            raw: (..., d).

        Returns:
            (..., h), of length 1.
        """
        hidden: Tensor = self.linear(raw)
        # F.prelu reads axis 1 as the channels.
        rows = F.prelu(hidden.reshape(-1, hidden.shape[-1]), self.prelu.weight)
        return F.normalize(self.dropout(rows.view_as(hidden)), dim=-1)

    def bias(self, raw: Tensor) -> Tensor:
        """The part of the score that depends on the user alone: (..., d) -> (...); 0 without `user_bias`."""
        if self.config.user_bias:
            return raw @ self.bias_weight
        return raw.new_zeros(raw.shape[:-1])

    def seeds(self, centroids: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """The items' centroids after the tower: unit vectors (items, k, h) and their sizes (items, k)."""
        if self.pooling == "average":
            centroids, sizes = average_centroids(centroids, sizes)
        return self.tower(centroids), sizes

    def cosines(self, users: Tensor, seeds: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """cos(e_u, E_global) and cos(e_u, E_local), for several users per item.

        Args:
            users: (items, users, h), unit length.
            seeds: (items, k, h), unit length.
            sizes: (items, k), members per cluster; 0 is absent.

        Returns:
            Two of (items, users); 0 for an item without any present centroid.
        """
        if self.pooling == "average":
            pooled = torch.einsum("iuh,ih->iu", users, seeds[:, 0] * (sizes[:, :1] > 0))
            return pooled, pooled
        global_weights = seeds_softmax(torch.tanh(seeds @ self.global_v1.T) @ self.global_v2, sizes)  # (items, k)
        global_embedding = F.normalize(torch.einsum("ik,ikh->ih", global_weights, seeds), dim=-1)
        attention = self.log_sharpness.exp() * self.attention_w  # (h, h)
        logits = torch.einsum("ikh,iuh->iuk", seeds @ attention, users)
        local_weights = seeds_softmax(logits, sizes.unsqueeze(1))  # (items, users, k)
        local_embedding = F.normalize(local_weights @ seeds, dim=-1)  # (items, users, h)
        return torch.einsum("iuh,ih->iu", users, global_embedding), (users * local_embedding).sum(dim=-1)

    def similarity(self, users: Tensor, seeds: Tensor, sizes: Tensor) -> Tensor:
        """alpha cos(e_u, E_global) + beta cos(e_u, E_local) (items, users); arguments as in `cosines`."""
        common, local = self.cosines(users, seeds, sizes)
        return self.config.alpha * common + self.config.beta * local

    def score(self, embedding: Tensor, centroids: Tensor, sizes: Tensor, item: Tensor | None = None) -> Tensor:
        """The published score of (user, item) pairs, before temperature and offset.

        Args:
            embedding: (pairs, d), raw target embeddings.
            centroids: (items, k, d), raw.
            sizes: (items, k).
            item: (pairs,), the row of each pair's item; if left out, items == pairs, in the same order.

        Returns:
            (pairs,).
        """
        seeds, members = self.seeds(centroids, sizes)
        rows = torch.arange(len(embedding), device=embedding.device) if item is None else item
        alike = self.similarity(self.tower(embedding).unsqueeze(1), seeds[rows], members[rows]).squeeze(1)
        if self.closed_form:
            closed = (self.coordinates(embedding) * self.directions(centroids, sizes)[rows]).sum(dim=-1)
            alike = closed + self.attention_weight * alike
        return alike + self.bias(embedding)

    @torch.no_grad()
    def users(self, raw: Tensor) -> Users:
        """What `parts` needs of users (n, d): the same for all items."""
        return Users(self.tower(raw), self.coordinates(raw), self.bias(raw))

    @torch.no_grad()
    def parts(self, users: Users, centroids: Tensor, sizes: Tensor) -> Tensor:
        """The parts of the scores of users with one item's centroids (k, d) and sizes (k,).

        Returns:
            (4, users): closed form, global attention, local attention and user bias, as they are added up.
        """
        seeds, members = self.seeds(centroids.unsqueeze(0), sizes.unsqueeze(0))
        common, local = self.cosines(users.tower.unsqueeze(0), seeds, members)
        closed = users.coordinates @ self.directions(centroids.unsqueeze(0), sizes.unsqueeze(0))[0]
        weight = self.attention_weight
        return torch.stack(
            [closed, weight * self.config.alpha * common[0], weight * self.config.beta * local[0], users.bias]
        )

    def logits(self, score: Tensor) -> Tensor:
        """temperature · score + offset: the input of the losses."""
        return self.log_temperature.exp() * score + self.offset

    def forward(
        self,
        embedding: Tensor,
        centroids: Tensor,
        sizes: Tensor,
        item: Tensor | None = None,
        users: Tensor | None = None,
    ) -> Tensor:
        """Logits of pairs, or of several users of the batch with each of some items.

        Args:
            embedding: (pairs, d).
            centroids: (items, k, d).
            sizes: (items, k).
            item: (pairs,), the row of each pair's item; with `users` (chosen,), of each one's item.
            users: (chosen, n), the pairs whose users are compared for an item (multi-class loss).

        Returns:
            (pairs,); with `users` (chosen, n).
        """
        if item is None or users is None:
            return self.logits(self.score(embedding, centroids, sizes, item))
        seeds, members = self.seeds(centroids, sizes)
        score = self.similarity(self.tower(embedding)[users], seeds[item], members[item])
        if self.closed_form:
            raw = self.plda.basis @ self.directions(centroids, sizes).T  # (d, items): fewer than users
            closed = (embedding - self.plda.mean) @ raw  # (pairs, items)
            score = closed[users, item.unsqueeze(1)] + self.attention_weight * score
        return self.logits(score + self.bias(embedding)[users])

    def parameter_groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, object]]:
        """Groups for the optimizer: the few scalars learn faster, without weight decay."""
        scalars = [p for p in self.parameters() if p.ndim == 0]
        others = [p for p in self.parameters() if p.ndim > 0]
        return [
            {"params": others, "lr": learning_rate, "weight_decay": weight_decay},
            {"params": scalars, "lr": learning_rate * SCALAR_RATE, "weight_decay": 0.0},
        ]
