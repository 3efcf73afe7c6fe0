"""Networks of Keras in OpenVINO's format."""
