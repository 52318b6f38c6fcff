"""The user model: fields -> merge layer -> MLP -> user embedding, trained on the items of one label domain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ralm.config import UserModel as UserModelConfig
from ralm.field_specs import UserFields
from ralm.models.field_encoder import SPARSE_ROWS, FieldEncoder, start_table
from ralm.models.losses import candidates, log_uniform_log_probability, sampled_sigmoid, sampled_softmax
from ralm.models.merge import AttentionMerge, ConcatMerge, Merge
from ralm.models.row_products import SampledLogits


class UserModel(nn.Module):
    """User representation learning (Liu et al., KDD 2019, section 3.2).

    Args:
        fields: the fields that describe a user.
        config: widths, hidden layers, loss.
        merge: 'attention' (RALM) or 'concat' (YouTube DNN).
        item_count: rows of the item table, padding included; index 0 is padding.
        sparse: sparse gradients for big tables; see `FieldEncoder`.

    Example:
        >>> from ralm.field_specs import HistorySpec
        >>> fields = UserFields(histories=[HistorySpec(domain="reading", length=3, size=10)])
        >>> model = UserModel(fields, UserModelConfig(representations=["reading"]), "attention", item_count=10)
        >>> user = model.encode({"history_reading": torch.tensor([[4, 2, 0]])})
        >>> user.shape, model.logits(user, torch.tensor([[1, 2, 3]])).shape
        (torch.Size([1, 32]), torch.Size([1, 3]))
    """

    def __init__(
        self,
        fields: UserFields,
        config: UserModelConfig,
        merge: Merge,
        item_count: int,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.item_count = item_count
        self.encoder = FieldEncoder(fields, config.field_dim, config.dropout, sparse)
        names = fields.names
        self.merge: AttentionMerge | ConcatMerge = (
            AttentionMerge(len(names), config.field_dim, config.attention_dim, config.field_dropout, config.residual)
            if merge == "attention"
            else ConcatMerge(len(names), config.field_dim)
        )
        layers: list[nn.Module] = []
        width = self.merge.output_dim
        for hidden in config.hidden:
            layers += [nn.Linear(width, hidden), nn.PReLU(hidden), nn.Dropout(config.dropout)]
            width = hidden
        self.mlp = nn.Sequential(*layers, nn.Linear(width, config.user_dim))
        self.items = nn.Embedding(
            item_count, config.user_dim, padding_idx=0, sparse=sparse and item_count > SPARSE_ROWS
        )
        start_table(self.items.weight)
        # An item's popularity, the same for all users: without it, all user embeddings share one large
        # direction for popularity, and cosines between users show little else.
        self.item_bias = nn.Embedding(item_count, 1, padding_idx=0, sparse=sparse and item_count > SPARSE_ROWS)
        nn.init.zeros_(self.item_bias.weight)

    def encode(self, batch: dict[str, Tensor]) -> Tensor:
        """User embeddings (batch, user_dim) from the columns of `user_fields`; see `FieldEncoder.forward`."""
        field_vectors, present = self.encoder(batch)
        merged, _ = self.merge(field_vectors, present)
        embedding: Tensor = self.mlp(merged)
        return embedding

    def logits(self, user: Tensor, item_indices: Tensor) -> Tensor:
        """Dot products of users and items, plus the items' biases.

        Args:
            user: (batch, user_dim).
            item_indices: (batch, …), rows of the item table.

        Returns:
            The shape of `item_indices`.
        """
        flat = item_indices.flatten(1)  # (batch, n)
        logits: Tensor
        if user.device.type == "cpu":
            tables = (self.items.weight, self.item_bias.weight)
            logits = SampledLogits.apply(user, *tables, flat, self.items.sparse)
        else:
            logits = torch.einsum("bd,bnd->bn", user, self.items(flat)) + self.item_bias(flat).squeeze(-1)
        return logits.reshape(item_indices.shape)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Logits of each positive and its negatives.

        Args:
            batch: the fields, `positives` (rows, P) and `negatives` (rows, n·P).

        Returns:
            Logits and item indices, both (rows, P, 1 + n); see `losses.candidates`.
        """
        indices = candidates(batch["positives"].flatten(1), batch["negatives"].flatten(1))
        return self.logits(self.encode(batch), indices), indices

    def loss(self, logits: Tensor, indices: Tensor) -> Tensor:
        """The configured loss of what `forward` returned."""
        if self.config.loss == "sigmoid":
            return sampled_sigmoid(logits, indices)
        correction = log_uniform_log_probability(indices, self.item_count - 1) if self.config.logq else None
        return sampled_softmax(logits, indices, correction)

    def parameter_groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Parameters with dense and with sparse gradients: the latter need an optimizer of rows."""
        sparse = {id(m.weight) for m in self.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag) and m.sparse}
        parameters = list(self.parameters())
        return [p for p in parameters if id(p) not in sparse], [p for p in parameters if id(p) in sparse]
