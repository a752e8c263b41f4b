"""Sound to listen to, on the page itself."""

from __future__ import annotations

import base64
import html
import io
import wave
from collections.abc import Mapping

import torch
from torch import Tensor


class Players:
    """Sound in a notebook and on its page: one player for each wave, with its name; nothing plays by itself.

    The sound travels in the page as 16-bit WAV: a second at 8,000 samples takes 21 kB.
    """

    def __init__(self, waves: Mapping[str, Tensor], rate: int) -> None:
        """``waves``: by name, each with values in [-1, 1], shape (T,); ``rate``: samples a second."""
        self.waves, self.rate = dict(waves), rate

    def _repr_html_(self) -> str:
        players = []
        for name, samples in self.waves.items():
            label = html.escape(name)
            source = "data:audio/wav;base64," + base64.b64encode(wav(samples, self.rate)).decode("ascii")
            player = f'<audio controls style="max-width: 100%" aria-label="{label}" src="{source}"></audio>'
            players.append(f"<p>{label}<br>{player}</p>")
        return "\n".join(players)

    def __repr__(self) -> str:
        return "Sound: " + ", ".join(f"{name} ({len(w) / self.rate:.1f} seconds)" for name, w in self.waves.items())


def sounds(waves: Mapping[str, Tensor], rate: int = 8000) -> Players:
    """Players for waves with values in [-1, 1], shape (T,) each, by name: the last expression of a cell shows them."""
    return Players(waves, rate)


def wav(samples: Tensor, rate: int) -> bytes:
    """A wave with values in [-1, 1], shape (T,), as the bytes of a WAV file with 16 bits a sample."""
    whole = (samples.detach().cpu().double().clamp(-1, 1) * 32767).round().to(torch.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.numpy().astype("<i2").tobytes())
    return buffer.getvalue()
