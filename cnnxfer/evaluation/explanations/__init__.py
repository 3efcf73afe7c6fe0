"""What a model looks at: heat maps of pictures, patches of channels, and neighbours."""
