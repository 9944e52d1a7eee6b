"""The Byte Latent Transformer: patches, hashed n-grams, two local models around a latent one, and what they cost."""
