"""A notebook as one HTML page that needs nothing from the network: no CDN scripts, formulas drawn as inline SVG."""

from __future__ import annotations

import base64
import io
import re

import nbformat

# nbconvert's page, less everything it would fetch.
TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
"""
FORMULA = re.compile(r"(?<!\\)(\$\$)(.+?)\$\$|(?<![\\$\w])(\$)(?=[^\s$])([^$\n]+?)(?<=[^\s\\])\$(?![\w$])", re.DOTALL)
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def formula_image(latex: str, display: bool) -> str | None:
    """An `<img>` with the formula drawn by matplotlib's mathtext, or None where it knows a command not."""
    import matplotlib
    from matplotlib import mathtext
    from matplotlib.font_manager import FontProperties

    drawn = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "thinwire", "mathtext.fontset": "cm", "svg.fonttype": "path"}):
        try:
            source = f"${' '.join(latex.split())}$"
            depth = mathtext.math_to_image(source, drawn, FontProperties(size=13 if display else 11), format="svg")
        except (ValueError, RuntimeError):
            return None
    svg = re.sub(rb"<metadata>.*?</metadata>", b"", drawn.getvalue(), flags=re.DOTALL)  # it carries the date
    alt = latex.strip().replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")
    style = "display:block;margin:0.8em auto" if display else f"display:inline;vertical-align:{-depth:.1f}px"
    return f'<img alt="{alt}" style="{style}" src="data:image/svg+xml;base64,{base64.b64encode(svg).decode()}">'


def draw_formulas(markdown: str) -> str:
    """Markdown with `$...$` and `$$...$$` outside code replaced by images; what cannot be drawn stays as it is."""

    def draw(match: re.Match[str]) -> str:
        latex, display = (match.group(2), True) if match.group(1) else (match.group(4), False)
        return formula_image(latex, display) or match.group(0)

    pieces = CODE.split(markdown)
    return "".join(piece if index % 2 else FORMULA.sub(draw, piece) for index, piece in enumerate(pieces))


def to_html(notebook: nbformat.NotebookNode, title: str) -> str:
    """The notebook as one self-contained page; equal notebooks give equal bytes."""
    from jinja2 import DictLoader
    from nbconvert.exporters import HTMLExporter

    drawn = nbformat.from_dict(notebook)
    for cell in drawn.cells:
        if cell.cell_type == "markdown":
            cell.source = draw_formulas(cell.source)
    exporter = HTMLExporter(template_name="lab", extra_loaders=[DictLoader({"offline.html.j2": TEMPLATE})])
    exporter.template_file = "offline.html.j2"
    page, _ = exporter.from_notebook_node(drawn, resources={"metadata": {"name": title}})
    return page
