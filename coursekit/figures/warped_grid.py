"""Live figure: a grid of noise, warped layer by layer by trained flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets
from torch import Tensor, nn

from coursekit.figures.base import NetworkFigure
from coursekit.generators.flows import AffineCoupling, Flow, Permutation
from coursekit.generators.splines import SplineCoupling


class WarpedGrid(NetworkFigure):
    """Flows in the plane, layer by layer: what they do to a grid, to a cloud, and to one point and its density.

    The exchanges of the two coordinates are not drawn: all stages are shown in the frame of the data, so that each
    coupling moves points along one axis, up and down or to the sides.

    Args:
        flows: by name, flows in the plane made of affine or spline couplings and permutations, as `RealNVP` and
            `NeuralSplineFlow` are, each coupling's network with two hidden layers.
        data: number of the flow that is shown.
        stage: how many couplings have been applied; between whole numbers, a part of the next one.
        z: the point of noise that is followed, its two coordinates in the frame of the data.
        seed: of the cloud.
    """

    script = "warped_grid.js"
    description = (
        "Left, a square grid over a cloud of Gaussian noise, with one point in a small square that can be dragged. "
        "Right, the same grid, cloud, point and square after the chosen number of layers of a trained flow: the grid "
        "bends until the cloud has the shape of the data. Below, the log-density at the point after each layer."
    )
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chains: traitlets.List = traitlets.List([]).tag(sync=True)
    data = traitlets.Int(0, min=0).tag(sync=True)
    stage = traitlets.Float(0.0, min=0.0).tag(sync=True)
    z = traitlets.List(traitlets.Float(), [0.8, 0.6], minlen=2, maxlen=2).tag(sync=True)
    seed = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(self, flows: Mapping[str, Flow], **traits: Any) -> None:
        tensors: dict[str, Tensor] = {}
        chains = []
        for i, flow in enumerate(flows.values()):
            chain, own = _described(flow)
            chains.append(chain)
            tensors.update({f"{i}.{name}": value for name, value in own.items()})
        super().__init__(tensors, names=list(flows), chains=chains, **traits)


def _described(flow: Flow) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The couplings of a flow, each with the axis that it changes in the frame of the data, and their weights."""
    chain: list[dict[str, Any]] = []
    tensors: dict[str, Tensor] = {}
    axis = 1  # a coupling changes the second coordinate; each exchange after it makes that the other axis
    for number in reversed(range(len(flow.layers))):
        layer = flow.layers[number]
        if isinstance(layer, Permutation) and flow.dimensions == 2:
            axis = axis if layer.order.tolist() == [0, 1] else 1 - axis
        elif isinstance(layer, AffineCoupling | SplineCoupling) and flow.dimensions == 2:
            linear = [part for part in layer.network if isinstance(part, nn.Linear)]
            if len(linear) != 3:
                raise ValueError(f"WarpedGrid: each network must have two hidden layers, has {len(linear) - 1}")
            kind = "affine" if isinstance(layer, AffineCoupling) else "spline"
            chain.insert(0, {"kind": kind, "axis": axis, "name": str(number), "bound": getattr(layer, "bound", 0.0)})
            for j, part in enumerate(linear):
                tensors |= {f"{number}.{j}.weight": part.weight, f"{number}.{j}.bias": part.bias}
        else:
            raise ValueError(
                "WarpedGrid: a flow must consist of couplings and permutations in the plane; "
                f"{type(layer).__name__} in {flow.dimensions} dimensions does not fit"
            )
    return chain, tensors
