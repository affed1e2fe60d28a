"""What the buttons do: each reads settings, makes one call, reports; errors are one line and leave the scene alone."""
