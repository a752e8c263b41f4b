"""The course's plots: one style, colours that survive colour blindness, grounds for light and dark pages."""

from coursekit.plot.figures import COLORS, history, images, latent, new

__all__ = ["COLORS", "history", "images", "latent", "new"]
