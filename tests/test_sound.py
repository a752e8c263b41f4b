"""Players: what a page gets, and that it is the wave."""

import base64
import io
import re
import wave

import numpy
import pytest
import torch

import coursekit as ck


def test_the_page_gets_the_wave_and_its_name():
    time = torch.arange(4000) / 8000
    waves = {"a tone": torch.sin(2 * torch.pi * 220 * time), "too <loud>": 3 * torch.sin(2 * torch.pi * 220 * time)}
    page = ck.plot.sounds(waves, 8000)._repr_html_()
    assert re.findall('aria-label="([^"]*)"', page) == ["a tone", "too &lt;loud&gt;"]
    assert "autoplay" not in page and page.count("<audio controls") == 2
    assert page.count("max-width: 100%") == 2  # a phone is narrower than a browser's player
    for (_, expected), packed in zip(waves.items(), re.findall('base64,([^"]*)"', page), strict=True):
        with wave.open(io.BytesIO(base64.b64decode(packed))) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
            samples = numpy.frombuffer(file.readframes(4000), dtype="<i2") / 32767
        numpy.testing.assert_allclose(samples, expected.clamp(-1, 1), atol=1e-4)


def test_what_a_reader_sees_without_a_page():
    assert repr(ck.plot.sounds({"C3": torch.zeros(12000)}, 8000)) == "Sound: C3 (1.5 seconds)"


@pytest.mark.parametrize("seconds", [1.0, 1.3])
def test_it_is_small(seconds):
    page = ck.plot.sounds({"noise": torch.rand(int(8000 * seconds))}, 8000)._repr_html_()
    assert len(page) < 22_000 * seconds
