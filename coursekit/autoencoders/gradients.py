"""Two estimators of the gradient of an expectation whose distribution is what the gradient is taken of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from coursekit.distributions import DiagonalGaussian


def score_function_gradient(
    f: Callable[[Tensor], Tensor],
    mean: Tensor,
    scale: Tensor,
    samples: int,
    *,
    baseline: float | Tensor = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Single-draw estimates of the gradient of E[f(z)] with respect to ``mean``, z ~ N(mean, diag(scale^2)).

    .. math:: \nabla_\mu \, \mathbb{E}[f(z)] = \mathbb{E}\big[(f(z) - b)\, \nabla_\mu \log q(z)\big],
              \qquad \nabla_\mu \log q(z) = \frac{z - \mu}{\sigma^2}

    ``f`` maps (S, D) to (S,) and need not be differentiable; ``mean`` and ``scale`` have shape (D,). ``baseline`` is a
    number that does not depend on z. Returns shape (S, D): their mean is the estimate, their spread its noise.

    Source: Williams (1992), who calls it REINFORCE.
    """
    mean, scale = mean.detach(), scale.detach()
    z = DiagonalGaussian(mean, scale).sample((samples,), generator=generator)  # (S, D)
    score = (z - mean) / scale**2  # (S, D)
    return (f(z) - baseline).unsqueeze(-1) * score  # (S, D)


def pathwise_gradient(
    f: Callable[[Tensor], Tensor],
    mean: Tensor,
    scale: Tensor,
    samples: int,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Single-draw estimates of the gradient of E[f(z)] with respect to ``mean``, by reparameterisation.

    .. math:: \nabla_\mu \, \mathbb{E}[f(z)] = \mathbb{E}_{\varepsilon}\big[\nabla_\mu f(\mu + \sigma \varepsilon)\big],
              \qquad \varepsilon \sim \mathcal{N}(0, I)

    Shapes are those of `score_function_gradient`; ``f`` must be differentiable, and without jumps: the gradient of a
    step is zero almost everywhere, and so is the estimate, whatever the truth.

    Source: Kingma and Welling (2014), section 2.4; Rezende, Mohamed and Wierstra (2014).
    """
    copies = mean.detach().expand(samples, -1).clone().requires_grad_()  # (S, D): one mean a draw
    z = DiagonalGaussian(copies, scale.detach().expand(samples, -1)).rsample(generator=generator)  # (S, D)
    (gradient,) = torch.autograd.grad(f(z).sum(), copies)
    return gradient  # (S, D)
