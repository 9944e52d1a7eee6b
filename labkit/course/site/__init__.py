"""The course as pages to read: the committed notebooks as static HTML, with panels that answer from stored numbers.

`write_site(folder)` runs no notebook and needs no model. The pages lie as the notebooks do, so that the links between
them hold; nothing on them comes from another host. A panel whose answers are stored (`Panel.stored`) keeps its
controls: a few lines of script show the stored picture and sentence of the values chosen.
"""

from .writing import write_site

__all__ = ["write_site"]
