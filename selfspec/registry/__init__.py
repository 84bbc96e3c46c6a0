"""The index of known domains: find, install and publish them. It lists and does not endorse.

``python -m selfspec.registry entry`` drafts ``registry/domains/<name>.yaml``; ``build`` makes of all entries
``index.json``, one file that can be served from anywhere and of which a copy ships in this package.
Nothing but ``entry`` imports a domain, and nothing of ``selfspec run`` imports this package.

>>> [entry.name for entry in load().entries]
['biomed', 'finance', 'sports']
"""

from selfspec.registry.index import Adapter, Entry, File, Index, load
from selfspec.registry.installer import install, uninstall

__all__ = ["Adapter", "Entry", "File", "Index", "install", "load", "uninstall"]
