"""Fine-tuning: the last layers, or all, learn on."""
