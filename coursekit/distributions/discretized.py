"""A mixture of logistic distributions, discretised to the levels of a pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid

from coursekit.distributions.diagonal import Shape
from coursekit.distributions.levels import check_levels, draw_level, edges_of, level_of


class DiscretizedLogisticMixture(Distribution):
    r"""The C channels of a pixel, each on one of ``levels`` levels: a mixture of K logistic distributions.

    .. math:: & P(x) = \sum_k \pi_k \prod_c \Big[ \sigma\Big(\frac{x_c + h - m_{ck}}{s_{ck}}\Big)
              - \sigma\Big(\frac{x_c - h - m_{ck}}{s_{ck}}\Big) \Big],
              \\ & m_{ck} = \mu_{ck} + \sum_{c' < c} a_{cc'k}\, x_{c'}

    Values are in [0, 1] outside, as images are; inside they are scaled to [-1, 1], where x, the means and the scales s
    are, and a level is 2h = 2/(levels - 1) wide. The lowest level has everything below it too, the highest everything
    above it, so that the levels' probabilities sum to one. Batch shape (\*batch), event shape (C,).

    Source: Salimans et al. (2017).
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.independent(constraints.unit_interval, 1)

    def __init__(
        self, logits: Tensor, means: Tensor, log_scales: Tensor, coefficients: Tensor | None = None, levels: int = 256
    ) -> None:
        r"""Of the parameters of K logistic distributions.

        ``logits``: of the parts, (\*batch, K). ``means`` and ``log_scales``: (\*batch, C, K). ``coefficients``: how a
        channel's mean depends on each channel before it, (\*batch, C (C - 1) / 2, K), in the order G on R, B on R, B on
        G; None where the channels are independent within a part.
        """
        self.levels = check_levels(levels)
        self.logits, self.means, self.log_scales, self.coefficients = logits, means, log_scales, coefficients
        super().__init__(logits.shape[:-1], means.shape[-2:-1], validate_args=False)

    @staticmethod
    def outputs(channels: int, parts: int) -> int:
        """How many numbers a pixel `from_output` needs: K (1 + 2 C + C (C - 1) / 2)."""
        return parts * (1 + 2 * channels + channels * (channels - 1) // 2)

    @classmethod
    def from_output(cls, output: Tensor, channels: int, levels: int = 256) -> DiscretizedLogisticMixture:
        r"""Of a network's output for each pixel, (\*batch, `outputs` (C, K)).

        Scales are at least exp(-7) and coefficients pass through tanh, as in the paper's code.
        """
        pairs = channels * (channels - 1) // 2
        parts, rest = divmod(output.shape[-1], 1 + 2 * channels + pairs)
        if rest:
            raise ValueError(
                f"output must have a multiple of {1 + 2 * channels + pairs} features for {channels} channels, "
                f"had {output.shape[-1]}"
            )
        rows = output.unflatten(-1, (1 + 2 * channels + pairs, parts))  # (*batch, 1 + 2 C + pairs, K)
        logits, means, log_scales, coefficients = rows.split([1, channels, channels, pairs], dim=-2)
        return cls(logits.squeeze(-2), means, log_scales.clamp(min=-7.0), coefficients.tanh(), levels)

    def log_prob(self, value: Tensor) -> Tensor:
        r"""Log P(value) in nats, summed over the channels, shape (\*batch), for values in [0, 1], (\*batch, C)."""
        return self._log_joint(value)[..., -1]

    def log_conditionals(self, value: Tensor) -> Tensor:
        r"""Log P of each channel given the channels before it, in nats, (\*batch, C); their sum is `log_prob`."""
        joint = self._log_joint(value)
        return joint.diff(dim=-1, prepend=torch.zeros_like(joint[..., :1]))

    def _log_joint(self, value: Tensor) -> Tensor:
        """Log P of the first 1, ..., C channels, (*batch, C)."""
        level = level_of(value, self.levels)  # (*batch, C)
        per_part = self._log_prob_in_parts(level, self.conditional_means(value), self.log_scales)  # (*batch, C, K)
        weights = self.logits.log_softmax(dim=-1).unsqueeze(-2)  # (*batch, 1, K)
        return (weights + per_part.cumsum(dim=-2)).logsumexp(dim=-1)

    def conditional_means(self, value: Tensor) -> Tensor:
        r"""The m of the formula: each channel's means, given the channels of ``value`` before it; (\*batch, C, K)."""
        if self.coefficients is None:
            return self.means
        x = 2 * value.unsqueeze(-1) - 1  # (*batch, C, 1), in [-1, 1]
        rows = iter(self.coefficients.unbind(dim=-2))  # each (*batch, K)
        channels = range(self.event_shape[0])
        means = [self.means[..., c, :] + sum(next(rows) * x[..., i, :] for i in range(c)) for c in channels]
        return torch.stack([mean.expand(torch.broadcast_shapes(*(m.shape for m in means))) for mean in means], dim=-2)

    def level_logits(self, value: Tensor, channel: int) -> Tensor:
        r"""The log-probability of each level of one channel, given the channels before it; (\*batch, levels).

        Of ``value`` (\*batch, C) only the channels before ``channel`` are used: for the means, and for what they say
        about which part the pixel belongs to.
        """
        means = self.conditional_means(value)  # (*batch, C, K)
        level = (value * (self.levels - 1)).round()  # (*batch, C)
        earlier = self._log_prob_in_parts(level, means, self.log_scales)[..., :channel, :].sum(dim=-2)  # (*batch, K)
        weights = (self.logits.log_softmax(dim=-1) + earlier).log_softmax(dim=-1)  # (*batch, K)
        every = torch.arange(self.levels, device=value.device)  # (levels,)
        mean, log_scale = means[..., channel, None, :], self.log_scales[..., channel, None, :]  # (*batch, 1, K)
        per_part = self._log_prob_in_parts(every, mean, log_scale)  # (*batch, levels, K)
        return (weights.unsqueeze(-2) + per_part).logsumexp(dim=-1)  # (*batch, levels)

    def sample(self, sample_shape: Shape = (), *, generator: torch.Generator | None = None) -> Tensor:
        r"""Values in [0, 1], shape (\*sample_shape, \*batch, C), without gradients: one channel after the other."""
        shape = self._extended_shape(torch.Size(sample_shape))
        uniform = torch.rand(shape, generator=generator, device=self.means.device, dtype=self.means.dtype)
        value = torch.zeros_like(uniform)  # (*sample_shape, *batch, C)
        with torch.no_grad():
            for c in range(self.event_shape[0]):
                edges = edges_of(self.level_logits(value, c))  # (..., levels - 1)
                value[..., c] = draw_level(edges, uniform[..., c]) / (self.levels - 1)
        return value

    def _log_prob_in_parts(self, level: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
        """Log-probability of ``level``, (*shape), in each part; ``mean`` and ``log_scale`` (*shape, K), as the result.

        With u and v for the arguments of the two sigmoids, u > v:
        log(sigmoid(u) - sigmoid(v)) = log sigmoid(u) + log sigmoid(-v) + log(1 - exp(v - u)), which no scale makes
        overflow or cancel. An edge level lacks the sigmoid that its open side sends to one, and the last term.
        """
        level = level.to(mean.dtype).unsqueeze(-1)  # (*shape, 1)
        precision = (-log_scale).exp()  # 1 / s
        width = 2 / (self.levels - 1)
        middle = level * width - 1 - mean  # (*shape, K)
        upper, lower = (middle + width / 2) * precision, (middle - width / 2) * precision
        first, last = level == 0, level == self.levels - 1
        inside = (-torch.expm1(-width * precision)).log()  # log(1 - exp(v - u))
        return (
            torch.where(last, 0.0, logsigmoid(upper))
            + torch.where(first, 0.0, logsigmoid(-lower))
            + torch.where(first | last, 0.0, inside)
        )
