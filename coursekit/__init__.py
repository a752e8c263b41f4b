"""coursekit: the companion package of *Deep Generative Models, checked by running*.

``import coursekit as ck`` costs little beyond ``import torch``: everything below is loaded at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coursekit import (
        adversarial,
        autoencoders,
        autoregressive,
        data,
        density,
        distributions,
        evaluation,
        figures,
        generators,
        plot,
        training,
    )
    from coursekit.checking import check
    from coursekit.claims import ClaimError, IdentityError, claim, identity
    from coursekit.source import show
    from coursekit.training import History, device, fit

__version__ = "0.1.0"

_MODULES = (
    "adversarial",
    "autoencoders",
    "autoregressive",
    "data",
    "density",
    "distributions",
    "evaluation",
    "figures",
    "generators",
    "plot",
    "training",
)
_HOME_OF = {  # public name: the module that defines it
    "History": "training",
    "device": "training",
    "fit": "training",
    "ClaimError": "claims",
    "IdentityError": "claims",
    "claim": "claims",
    "identity": "claims",
    "check": "checking",
    "show": "source",
}

__all__ = [
    "ClaimError",
    "History",
    "IdentityError",
    "adversarial",
    "autoencoders",
    "autoregressive",
    "check",
    "claim",
    "data",
    "density",
    "device",
    "distributions",
    "evaluation",
    "figures",
    "fit",
    "generators",
    "identity",
    "plot",
    "show",
    "training",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"coursekit.{name}")
    if name in _HOME_OF:
        return getattr(import_module(f"coursekit.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'coursekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
