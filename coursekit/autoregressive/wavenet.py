"""WaveNet: the conditionals of a long sequence by dilated causal convolutions, and sampling by queues."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from coursekit.autoregressive.base import Autoregressive
from coursekit.distributions.levels import level_of


class DilatedLayer(nn.Module):
    r"""A gate over features that lie ``dilation`` apart, the last of them at the place itself.

    .. math:: z = \tanh(W_f * h + V_f\, c) \odot \sigma(W_g * h + V_g\, c), \qquad h \leftarrow h + W_r z,
              \qquad s = W_s z

    The sum with h is the residual connection, s the skip connection to the output; ``c`` is the class, if there are
    ``classes``. The last layer needs no residual connection.
    """

    def __init__(self, width: int, skip: int, kernel: int, dilation: int, classes: int | None, *, last: bool) -> None:
        super().__init__()
        self.kernel, self.dilation = kernel, dilation
        self.look = nn.Linear(kernel * width, 2 * width)  # the oldest features first
        self.residual = None if last else nn.Linear(width, width, bias=False)
        self.skip = nn.Linear(width, skip)
        self.classes = None if classes is None else nn.Embedding(classes, 2 * width)

    @property
    def reach(self) -> int:
        """How many places back the oldest features lie."""
        return (self.kernel - 1) * self.dilation

    def forward(self, h: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """The next features, (B, T, width), and the skip connection, (B, T, skip)."""
        length = h.shape[1]
        padded = pad(h, (0, 0, self.reach, 0))  # zeros before the beginning
        taps = [padded[:, j * self.dilation : j * self.dilation + length] for j in range(self.kernel)]
        gates = self.look(torch.cat(taps, dim=2))  # (B, T, 2 * width)
        if self.classes is not None:
            gates = gates + self.classes(labels).unsqueeze(1)
        signal, passing = gates.chunk(2, dim=2)
        z = signal.tanh() * passing.sigmoid()  # (B, T, width)
        return h if self.residual is None else h + self.residual(z), self.skip(z)


class WaveNet(Autoregressive):
    r"""A sequence, each value given those before it, by a stack of causal convolutions of growing dilation.

    With kernels of k and dilations :math:`d_1, \dots, d_L` a value is predicted from the

    .. math:: R = 1 + (k - 1) \sum_{l=1}^{L} d_l

    values before it (`receptive_field`): 1,024 for ten layers with k = 2 and dilations 1, 2, 4, ..., 512.

    Each value enters as one of ``levels`` symbols with an embedding of its own, and leaves as a categorical
    distribution over them: right for sound under the mu-law (`coursekit.data.mu_law`) and for characters alike, since
    nothing is assumed about which symbols are near each other. The embeddings begin as smooth functions of the level,
    and training moves them.

    ``length`` is that of the sequences which `sample` draws. Those that `logits`, `log_prob`, `loss` and `complete` get
    may be of any length; so train on windows and evaluate on whole recordings. Before its first value a sequence has
    nothing: the model of a window is that of a sequence which begins there.

    Source: van den Oord et al. (2016), "WaveNet: a generative model for raw audio".
    """

    def __init__(
        self,
        length: int,
        levels: int = 256,
        width: int = 32,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128),
        kernel: int = 2,
        skip: int | None = None,
        classes: int | None = None,
    ) -> None:
        """``width``: the features of a layer; ``skip``: those that the output gets, by default twice as many.

        Raises
        ------
        ValueError
            If there is no layer, or a kernel or dilation looks at nothing before its place.
        """
        super().__init__((length,), levels)
        if not dilations or min(dilations) < 1 or kernel < 2:
            raise ValueError(
                "WaveNet: dilations must be at least 1 each, and kernel at least 2; "
                f"they were {tuple(dilations)} and {kernel}"
            )
        self.classes = classes
        skip = 2 * width if skip is None else skip
        self.embedding = nn.Embedding(levels, width)
        with torch.no_grad():
            place = (torch.arange(levels) + 0.5).unsqueeze(1) / levels  # (levels, 1)
            self.embedding.weight.copy_((torch.pi * place * torch.arange(1, width + 1)).cos() * 2**0.5)
        self.layers = nn.ModuleList(
            DilatedLayer(width, skip, kernel, dilation, classes, last=i + 1 == len(dilations))
            for i, dilation in enumerate(dilations)
        )
        self.hidden = nn.Linear(skip, skip)
        self.output = nn.Linear(skip, self.outputs)

    @property
    def receptive_field(self) -> int:
        """How many values before it a prediction depends on."""
        return 1 + sum(layer.reach for layer in self._layers())

    @contextmanager
    def of_length(self, length: int) -> Iterator[None]:
        """In a ``with model.of_length(T):`` the model is one of sequences of T values."""
        before = self.event_shape, self.dimensions, self.order
        self.event_shape, self.dimensions, self.order = (length,), length, list(range(length))
        try:
            yield
        finally:
            self.event_shape, self.dimensions, self.order = before

    def embed(self, x: Tensor) -> Tensor:
        """What the first layer gets, (B, T, width): at each place the embedding of the value before it.

        This shift by one is what makes the model causal. At the first place there are zeros.
        """
        return pad(self.embedding(level_of(x, self.levels)), (0, 0, 1, -1))

    def predict(self, h: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits from embedded values, (B, T), or (B, T, levels) if there are more than two levels."""
        skips = []
        for layer in self._layers():
            h, s = layer(h, labels)
            skips.append(s)
        output = self.output(self.hidden(torch.stack(skips).sum(dim=0).relu()).relu())  # (B, T, outputs)
        return output.squeeze(2) if self.levels == 2 else output

    def logits(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """The logits of all conditionals, (B, T) or (B, T, levels), of sequences of any length."""
        return self.predict(self.embed(x), labels)

    def steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The logits of one value after the other, (B, outputs) each, in float64: see `Queues`."""
        queues, newest = Queues(self, len(x), labels), None
        for t in range(x.shape[1]):
            yield queues(newest)
            newest = (x[:, t] * (self.levels - 1)).round().long()  # (B,)

    def plain_steps(self, x: Tensor, labels: Tensor | None = None) -> Iterator[Tensor]:
        """The same by a pass of the whole network over the receptive field for each value: the reference, slow."""
        for t in range(x.shape[1]):
            yield self._last(x[:, : t + 1], labels)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        length: int | None = None,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
        cached: bool = True,
    ) -> Tensor:
        """``n`` draws, shape (n, length), as `Autoregressive.sample`; ``length`` by default that of the model."""
        with self.of_length(self.dimensions if length is None else length):
            return super().sample(n, labels=labels, generator=generator, cached=cached)

    @torch.no_grad()
    def complete(
        self,
        x: Tensor,
        mask: Tensor,
        *,
        sweeps: int = 20,
        labels: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """``x`` (B, T) with its missing part drawn, as `Autoregressive.complete`; T may be any, so it continues."""
        with self.of_length(x.shape[1]):
            return super().complete(x, mask, sweeps=sweeps, labels=labels, generator=generator)

    def _last(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """The logits of the last value of ``x`` (B, T), (B, outputs), by a pass over its receptive field alone."""
        reach = self.receptive_field
        h = self.embed(x[:, -reach - 1 :])[:, -reach:]  # (B, at most R, width)
        return self.predict(h, labels).reshape(len(x), -1, self.outputs)[:, -1]

    def _alone(self, x: Tensor, labels: Tensor | None, d: int) -> Tensor:
        wide = dtype_of_queues(x)
        return copy.deepcopy(self).to(wide)._last(x[:, : d + 1].to(wide), labels)[0]

    def _layers(self) -> list[DilatedLayer]:
        return [layer for layer in self.layers if isinstance(layer, DilatedLayer)]


class Queues:
    """A `WaveNet` at one value after the other, for ``n`` sequences at once.

    Each layer keeps its last inputs in a ring, one for each place that its kernel spans. So a value costs each layer
    one matrix product with its newest features. What the older ones contribute does not depend on the new value, and
    is computed for all layers together.

    A step is so little work that its time is that of starting some two hundred operations. So it is done in float64,
    which costs hardly more, and leaves nothing for rounding to decide.
    """

    @torch.no_grad()
    def __init__(self, model: WaveNet, n: int, labels: Tensor | None) -> None:
        layers = model._layers()
        width, kernel, dtype = model.embedding.embedding_dim, layers[0].kernel, dtype_of_queues(model.embedding.weight)

        def stacked(tensors: Sequence[Tensor]) -> Tensor:
            return torch.stack([tensor.detach().to(dtype) for tensor in tensors])  # (L, ...)

        look = stacked([layer.look.weight.T for layer in layers])  # (L, kernel * width, 2 * width)
        self.older, self.newest = look[:, :-width].contiguous(), list(look[:, -width:].contiguous())
        self.constant = stacked([layer.look.bias for layer in layers]).unsqueeze(1)  # (L, 1, 2 * width)
        if labels is not None:
            self.constant = self.constant + stacked([layer.classes(labels) for layer in layers if layer.classes])
        residual = [layer.residual.weight.T for layer in layers if layer.residual is not None]
        self.residual = list(stacked(residual)) if residual else []
        self.skip = torch.cat([layer.skip.weight.detach().T for layer in layers]).to(dtype)  # (L * width, skip)
        self.skip_bias = stacked([layer.skip.bias for layer in layers]).sum(dim=0)  # (skip,)
        self.embedding = model.embedding.weight.detach().to(dtype)
        self.head = [(m.weight.detach().T.to(dtype), m.bias.detach().to(dtype)) for m in (model.hidden, model.output)]

        # the rings of all layers lie one after the other; at time t a layer writes where its oldest entry stands
        device = self.embedding.device
        self.sizes = torch.tensor([layer.reach for layer in layers], device=device).unsqueeze(1)  # (L, 1)
        self.starts = self.sizes.cumsum(dim=0) - self.sizes  # (L, 1)
        back = torch.arange(kernel - 1, 0, -1, device=device)  # the oldest first
        self.back = torch.tensor([layer.dilation for layer in layers], device=device).unsqueeze(1) * back  # (L, k - 1)
        self.rings = self.embedding.new_zeros(int(sum(layer.reach for layer in layers)), n, width)
        self.time = 0

        self.features = self.embedding.new_zeros(len(layers), n, width)  # the inputs of the layers at this time
        self.gates = self.embedding.new_zeros(len(layers), n, 2 * width)
        self.z = self.embedding.new_zeros(n, len(layers) * width)
        signal, passing = self.gates.chunk(2, dim=2)
        self.parts = list(zip(self.features, self.gates, signal, passing, self.z.split(width, dim=1), strict=True))

    @torch.no_grad()
    def __call__(self, newest: Tensor | None) -> Tensor:
        """The logits of the next value, (n, outputs), once the ``newest`` levels (n,) are known; None at the start."""
        if newest is not None:
            self.features[0] = self.embedding[newest]
        places = self.starts + (self.time - self.back) % self.sizes  # (L, kernel - 1)
        older = self.rings[places].transpose(1, 2).flatten(2)  # (L, n, (kernel - 1) * width)
        torch.baddbmm(self.constant, older, self.older, out=self.gates)
        for i, (h, gates, signal, passing, z) in enumerate(self.parts):
            torch.addmm(gates, h, self.newest[i], out=gates)
            torch.mul(signal.tanh_(), passing.sigmoid_(), out=z)
            if i < len(self.residual):
                torch.addmm(h, z, self.residual[i], out=self.features[i + 1])
        self.rings[places[:, 0]] = self.features
        self.time += 1
        output = torch.addmm(self.skip_bias, self.z, self.skip)  # (n, skip)
        for weight, bias in self.head:
            output = torch.addmm(bias, output.relu_(), weight)
        return output


def dtype_of_queues(x: Tensor) -> torch.dtype:
    """The precision in which rounding decides nothing: float64, but for devices that have none."""
    return x.dtype if x.device.type == "mps" else torch.float64
