"""Writes a random network of torchvision, and what it answers, for the tests.

    python torchvision_network.py NAME DIRECTORY

NAME is torchvision's. The directory gets `new.pth` and `old.pth`, its state dictionary
in PyTorch's two formats, `answers.npz` (pixels, probabilities, and the output of each
of its modules by name, channels last), and `published.json`, what torchvision says of
its own weights. It is a program of its own, since PyTorch and TensorFlow crash in one
process.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision


def build(name: str) -> Any:
    """Builds a network as torchvision does for its weights, but with random ones."""
    torch.manual_seed(0)
    options = {"transform_input": True, "init_weights": True}
    network = getattr(torchvision.models, name)(
        **(options if name == "googlenet" else {})
    )
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.1)
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1)
    return network.eval()


def photographs() -> np.ndarray:
    """Returns a dark and a bright picture with some structure, in [0, 255]."""
    coarse = np.random.default_rng(0).integers(0, 256, (2, 14, 14, 3), "uint8")
    pictures = coarse.repeat(16, axis=1).repeat(16, axis=2)
    return pictures // np.array([4, 1], "uint8")[:, None, None, None]


def seen(pixels: np.ndarray) -> torch.Tensor:
    """Returns what torchvision's transform shows to all of its networks."""
    values = (pixels / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return torch.tensor(values.transpose(0, 3, 1, 2), dtype=torch.float32)


@torch.no_grad()
def temper(network: Any, pixels: np.ndarray) -> None:
    """Scales the last layer so that no class is certain."""
    *_, last = (each for each in network.modules() if isinstance(each, torch.nn.Linear))
    scale = 2 / network(seen(pixels)).std()
    last.weight *= scale
    last.bias *= scale


def answers(network: Any, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the probabilities of pixels in [0, 255], and the modules' outputs."""
    outputs = {}

    def keep(name: str) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            values = output.numpy()
            channels_last = values.ndim == 4
            outputs[name] = values.transpose(0, 2, 3, 1) if channels_last else values
            outputs[name] = outputs[name].copy()  # the next layer may work in place

        return hook

    for name, module in network.named_modules():
        if name and not list(module.children()):
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        logits = network(seen(pixels))
    return outputs | {"probabilities": torch.softmax(logits, 1).numpy()}


def main(name: str, directory: Path) -> None:
    """Writes the files."""
    network, pixels = build(name), photographs()
    temper(network, pixels)
    state = network.state_dict()
    torch.save(state, directory / "new.pth")
    torch.save(state, directory / "old.pth", _use_new_zipfile_serialization=False)
    np.savez(directory / "answers.npz", pixels=pixels, **answers(network, pixels))
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    published = {"url": weights.url} | weights.meta["_metrics"]["ImageNet-1K"]
    (directory / "published.json").write_text(json.dumps(published))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
