"""What the tests of this family share."""

import pytest
import torch


@pytest.fixture(scope="session")
def randomised():
    """`randomised(model, seed, scale)`: the model with every parameter drawn anew, so that nothing is zero."""

    def draw(model, seed=0, scale=0.5):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
        return model.eval()

    return draw


@pytest.fixture(scope="session")
def every_image():
    """`every_image(event_shape, levels)`: all of them, (levels ** D, *event_shape)."""

    def images(event_shape, levels):
        dimensions = torch.Size(event_shape).numel()
        codes = torch.arange(levels**dimensions).unsqueeze(1)  # the last dimension counts fastest
        digits = codes // levels ** torch.arange(dimensions - 1, -1, -1) % levels
        return (digits / (levels - 1)).view(-1, *event_shape)

    return images


@pytest.fixture(scope="session")
def dependency():
    """`dependency(model)`: whether a logit of dimension i changes with dimension j, (D, D).

    All weights and inputs are made positive, so that no rectifier is shut and no two paths cancel.
    """

    def table(model):
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in model.double().parameters():
                parameter.copy_(0.1 * torch.rand(parameter.shape, generator=generator))
        x = torch.rand(1, *model.event_shape, generator=generator, dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(model.logits, x)  # (1, *event, outputs, 1, *event)
        return jacobian.reshape(model.dimensions, model.outputs, model.dimensions).ne(0).any(dim=1)

    return table
