"""The course's plots: one style, colours that survive colour blindness, grounds for light and dark pages."""

from coursekit.plot.figures import COLORS, history, images, latent, new
from coursekit.plot.sound import Players, sounds

__all__ = ["COLORS", "Players", "history", "images", "latent", "new", "sounds"]
