"""The paper's own modules and algorithms: linearity, nonlinearity, contextualisation, lens, dimension, anisotropy."""
