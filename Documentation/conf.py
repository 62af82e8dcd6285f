# SPDX-License-Identifier: GPL-2.0-or-later
"""Sphinx: reStructuredText only, no extension beyond the standard ones."""
project = "provcard"
author = "The provcard authors"
copyright = "the provcard authors"  # pylint: disable=redefined-builtin
extensions = []
source_suffix = ".rst"
master_doc = "index"
exclude_patterns = ["scripts"]
html_theme = "sphinx_rtd_theme"
html_copy_source = False
nitpicky = True
highlight_language = "none"
