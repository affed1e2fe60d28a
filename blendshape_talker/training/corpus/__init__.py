"""What the networks learn from: voices, phones, mouth curves, expressions; readers of VOCASET and Florence4D."""
