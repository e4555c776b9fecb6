"""Quantization-aware training: the quantizers of three papers, as layers of PyTorch."""

try:
    import torch  # noqa: F401
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "training quantized networks needs PyTorch: pip install 'neurobot[train]'"
    ) from missing
