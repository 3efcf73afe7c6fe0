"""ONNX files, written from OpenVINO's form of a network, operation by operation."""
