"""Words of memory that a layer takes on a core.

Equations: Speck Dev Kit Datasheet 3.2.4.1 and sinabs ``DynapcnnLayer.memory_summary``. The kernel
address is made of whole bits for kernel position and output channel, the neuron address of whole
bits for row and column, so sizes round up to powers of two.
"""

from __future__ import annotations


def bits(count: int) -> int:
    """Address bits for ``count`` places: the least b with 2^b >= count."""
    return (count - 1).bit_length()


def kernel_words(channels: int, features: int, kernel: tuple[int, int]) -> int:
    """c * 2^(ceil(log2(kh kw)) + ceil(log2(f))) 8-bit words."""
    return channels << (bits(kernel[0] * kernel[1]) + bits(features))


def neuron_words(features: int, height: int, width: int) -> int:
    """f * 2^(ceil(log2(h)) + ceil(log2(w))) 16-bit words; h and w before pooling."""
    return features << (bits(height) + bits(width))


def bias_words(features: int, has_bias: bool) -> int:
    """f 16-bit words, none without a bias."""
    return features if has_bias else 0
