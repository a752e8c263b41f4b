"""What a minute on a CPU buys: the dense VAE on the bundled 6,000 digits, its test bound and its importance bound.

Run: make bench BENCH=benchmarks/quick_budget.py
"""

from __future__ import annotations

import time

import torch

import coursekit as ck

EPOCHS, BATCH, LEARNING_RATE = 80, 64, 2e-3


def main() -> None:
    """Train with Adam and an average of the weights; print the bounds on the 1,000 test digits."""
    digits = ck.data.mnist(binarise="dynamic")
    torch.manual_seed(0)
    model = ck.autoencoders.VAE(latent_size=20)
    start = time.perf_counter()
    model.learning_rate = LEARNING_RATE
    ck.fit(model, digits.train.images, epochs=EPOCHS, batch_size=BATCH, ema=0.998, device="cpu", progress=False)
    seconds = time.perf_counter() - start
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        elbo = model.elbo(digits.test.images, samples=50, generator=generator).mean().item()
        bound = model.importance_log_prob(digits.test.images, 500, generator=generator).mean().item()
    print(f"{EPOCHS} epochs of 6,000 digits in {seconds:.0f} s on {torch.get_num_threads()} threads")
    print(f"test log p(x) >= {elbo:.1f} nats (ELBO, 50 draws), >= {bound:.1f} nats (importance-weighted, k = 500)")


if __name__ == "__main__":
    main()
