"""Figures that the chapters share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

STYLE = Path(__file__).with_name("course.mplstyle")
plt.style.use(STYLE)  # importing `coursekit.plot` is asking for the course's style

COLORS: list[str] = list(mpl.rcParams["axes.prop_cycle"].by_key()["color"])
"""Okabe and Ito's colours, in the order in which lines take them."""
_MARKERS = "o^sDvP*X<>"


def new(columns: int = 1, *, width: float = 6.4, height: float = 3.4, **options: Any) -> tuple[Figure, Any]:
    """A figure with a row of ``columns`` axes: ``(figure, axes)`` as from ``plt.subplots``."""
    return plt.subplots(1, columns, figsize=(width, height), **options)


def images(
    x: Tensor,
    columns: int = 10,
    labels: Sequence[str] | None = None,
    title: str | None = None,
) -> Figure:
    """A grid of images, (N, C, H, W) or (N, H, W) with values in [0, 1], ``columns`` to a row.

    ``labels`` name the rows, at their left.
    """
    x = torch.as_tensor(x).detach().cpu().float()
    x = x if x.dim() == 4 else x.unsqueeze(1)  # (N, C, H, W)
    n, channels, height, width = x.shape
    rows = -(-n // columns)
    if labels is not None and len(labels) != rows:
        raise ValueError(f"images: labels must name the {rows} rows, has {len(labels)} names")
    gap = 2
    grid = torch.ones(channels, rows * (height + gap) - gap, columns * (width + gap) - gap)  # (C, H', W')
    for i in range(n):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        grid[:, top : top + height, left : left + width] = x[i]
    inches = 6.4 / grid.shape[2]
    figure, axes = plt.subplots(figsize=(6.4, max(0.5, inches * grid.shape[1]) + (0.3 if title else 0.0)))
    axes.imshow(grid.permute(1, 2, 0).squeeze(-1).clamp(0, 1).numpy(), vmin=0, vmax=1)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    if labels is None:
        axes.set_yticks([])
    else:
        axes.set_yticks([r * (height + gap) + height / 2 for r in range(rows)], labels)
        axes.tick_params(length=0)
    if title:
        axes.set_title(title)
    return figure


def latent(codes: Tensor, labels: Tensor, axes: Axes | None = None) -> Figure:
    """Codes in the plane, (N, 2), one colour and one marker a class of ``labels`` (N,)."""
    if codes.dim() != 2 or codes.shape[1] != 2:
        raise ValueError(f"latent: codes must have shape (N, 2), had {tuple(codes.shape)}")
    codes, labels = codes.detach().cpu(), labels.cpu()
    if axes is None:
        _, axes = plt.subplots(figsize=(5.2, 4.2))
    # Ten digits need ten colours, and small marks need stronger ones than lines: the light ones are darkened to 3:1 on
    # white. The markers tell apart what colour does not.
    colors = [*COLORS[:4], "#2A93D5", "#C07F00", *COLORS[6:], "#882255", "#948700"]
    for i, label in enumerate(labels.unique().tolist()):
        own = codes[labels == label]  # (n, 2)
        color, marker = colors[i % len(colors)], _MARKERS[i % len(_MARKERS)]
        axes.scatter(own[:, 0], own[:, 1], s=9, color=color, marker=marker, linewidths=0, label=str(label))
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("$z_1$")
    axes.set_ylabel("$z_2$")
    axes.legend(ncols=1, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2, handletextpad=0.2)
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    return figure


def history(history: Mapping[str, list[float]]) -> Figure:
    """Every recorded scalar of a training run against the epoch."""
    figure, axes = plt.subplots()
    for name, values in history.items():
        axes.plot(range(1, len(values) + 1), values, label=name, marker="." if len(values) < 30 else "")
    axes.set_xlabel("epoch")
    axes.set_ylabel("nats per example" if "loss" in history else "value")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure
