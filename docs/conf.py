"""The site made of these documents by `make docs`: it loads nothing from elsewhere, and needs no network."""

import re
from pathlib import Path

_PROJECT = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")

project = "TurboDMT"
release = re.findall(r'^version = "(.+)"$', _PROJECT, re.MULTILINE)[0]
copyright = ""
extensions = ["myst_parser", "sphinx.ext.autodoc"]
# The documents link to headings as repositories show them.
myst_heading_anchors = 4
# Docstrings write code in single backquotes.
default_role = "code"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
html_theme = "alabaster"
html_theme_options = {
    "description": "A daily trading day as a pure function",
    "fixed_sidebar": True,
    "page_width": "1240px",
    "sidebar_width": "230px",
    "show_powered_by": False,
    "font_family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "head_font_family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"**": ["pages.html", "about.html", "searchfield.html", "navigation.html"]}
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
