"""Frees the size of the batch, where Keras's conversion writes it down as one."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from cnnxfer.engines.silent_openvino import openvino


def free_batch(model: Any) -> None:
    """Changes an `openvino.Model` so that it takes any number of images.

    Keras 3.15 converts with one image. A `Reshape` layer then has a 1 for the batch in
    its target, such as those of squeeze-and-excitation in EfficientNet: the file
    answers one image, and fails on several.
    """
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Reshape":
            continue
        target, shape = node.input_value(1).get_node(), node.input_value(0)
        sizes = shape.get_partial_shape()
        if target.get_type_name() != "Constant" or not sizes[0].is_dynamic:
            continue
        wanted, rest = target.data, [sizes[place] for place in range(1, len(sizes))]
        if wanted[0] != 1 or any(size.is_dynamic for size in rest):
            continue
        image = prod(size.get_length() for size in rest)
        free = np.array(wanted, np.int64)
        if -1 in free[1:]:
            others = -prod(free[1:].tolist())
            free[1:][free[1:] == -1] = image // others
        if prod(free[1:].tolist()) == image:
            free[0] = -1
            changed = openvino.opset16.constant(free)
            node.input(1).replace_source_output(changed.output(0))
    model.validate_nodes_and_infer_types()
