"""The picture that stands beside a shared link: the book's title and a density with points drawn from it.

Run: .venv/bin/python tools/make_social_card.py (writes book/assets/social.png, 1200 x 630)
"""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.colors import LinearSegmentedColormap

from coursekit.distributions.planar import TwoMoons

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = "An open course. Every equation is tested,\nevery claim is measured."
GROUND, LIGHT, QUIET = "#121417", "#dfe6ec", "#a5b0ba"
COLOURS = LinearSegmentedColormap.from_list("course", [GROUND, "#0b4a68", "#0b8fc0", "#9fdcf5"])


def main() -> None:
    """Draw and save."""
    moons = TwoMoons()
    x, y = torch.linspace(-1.9, 2.9, 481), torch.linspace(-1.52, 2.02, 355)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (355, 481, 2)
    points = moons.sample((250,), generator=torch.Generator().manual_seed(0))  # (250, 2)

    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=GROUND)
    axes = figure.add_axes((0.5, 0.09, 0.48, 0.82))
    axes.imshow(moons.log_prob(grid).exp().sqrt(), extent=(-1.9, 2.9, -1.52, 2.02), origin="lower", cmap=COLOURS)
    axes.scatter(*points.T, s=7, color="white", alpha=0.75, linewidths=0)
    axes.axis("off")
    figure.text(0.05, 0.62, "Deep Generative\nModels", color=LIGHT, fontsize=48, weight="bold", va="center")
    figure.text(0.05, 0.37, "checked by running", color="#6cc3ea", fontsize=30, va="center")
    figure.text(
        0.05, 0.2, "An open course. Every equation is tested,\nevery claim is measured.", color=QUIET, fontsize=17
    )
    figure.savefig(ROOT / "book" / "assets" / "social.png", facecolor=GROUND)


if __name__ == "__main__":
    main()
