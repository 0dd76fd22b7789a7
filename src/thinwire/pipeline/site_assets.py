"""Style and script of reports/index.html: both stand in the page itself, so that it works from disk and alone."""

from __future__ import annotations

STYLE = """
:root { --ink: #1d2530; --soft: #5d6978; --line: #dfe4ea; --paper: #ffffff; --ground: #f5f7f9; --accent: #1f5f8b;
  --good: #1a7f4b; --even: #76808c; --off: #b8650a; --bad: #b3261e; --none: #4a4f57; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --soft: #9aa7b5; --line: #323b46; --paper: #1b2129; --ground: #12171d; --accent: #7cb8e2;
    --good: #4cc38a; --even: #9aa4b0; --off: #f0a44b; --bad: #ff8a80; --none: #b0b6bf; }
  .figure img { background: #ffffff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 3rem 0 0.25rem; font-size: 1.35rem; line-height: 1.3; }
h3 { margin: 0; font-size: 1.05rem; }
p { margin: 0.4rem 0; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code { font-size: 0.85em; color: var(--soft); overflow-wrap: anywhere; }
pre { margin: 0.4rem 0 0; padding: 0.6rem 0.8rem; overflow-x: auto; background: var(--ground); border-radius: 6px;
  font-size: 0.8rem; }
.soft { color: var(--soft); }
.filters { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center;
  margin-top: 1.25rem; padding: 0.75rem 0; background: var(--ground); border-bottom: 1px solid var(--line); }
.filters button, .filters input { font: inherit; font-size: 0.9rem; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 999px; padding: 0.25rem 0.8rem; }
.filters button { cursor: pointer; }
.filters button[aria-pressed="false"] { opacity: 0.4; }
.filters input { flex: 1 1 12rem; min-width: 8rem; }
.dot { display: inline-block; width: 0.65em; height: 0.65em; margin-right: 0.45em; border-radius: 50%;
  background: currentColor; }
.verdict { white-space: nowrap; font-weight: 600; }
.reproduced, .within_tolerance { color: var(--good); } .inconclusive { color: var(--even); }
  .differs { color: var(--off); }
.contradicted { color: var(--bad); } .not_testable { color: var(--none); }
table { width: 100%; margin-top: 1rem; border-collapse: collapse; background: var(--paper);
  border: 1px solid var(--line);
  font-size: 0.9rem; line-height: 1.45; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 0.6rem 0.75rem; vertical-align: top; border-bottom: 1px solid var(--line); }
td:nth-child(2) { width: 30%; } td:nth-child(5) { width: 34%; }
td .id { display: block; }
details summary { cursor: pointer; color: var(--soft); }
.notebooks { display: grid; gap: 1.25rem; margin-top: 1.25rem; }
.notebook { min-width: 0; padding: 1.1rem 1.25rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem;
  margin-top: 0.9rem; }
.figure { margin: 0; } .figure img { display: block; width: 100%; height: auto; border-radius: 6px; }
.figure figcaption { margin-top: 0.3rem; color: var(--soft); font-size: 0.85rem; }
footer { padding-top: 2.5rem; padding-bottom: 3rem; color: var(--soft); font-size: 0.9rem; }
[hidden] { display: none !important; }
@media (max-width: 52rem) {
  thead { display: none; } table, tbody, tr, td { display: block; width: auto !important; } td { border: 0;
  padding: 0.2rem 0.9rem; }
  tr { padding: 0.7rem 0; border-bottom: 1px solid var(--line); }
  td[data-name]::before { content: attr(data-name) ": "; color: var(--soft); }
}
""".strip()

SCRIPT = """
(function () {
  var buttons = Array.from(document.querySelectorAll(".filters button"));
  var words = document.querySelector(".filters input");
  var rows = Array.from(document.querySelectorAll("tr[data-verdict]"));
  function update() {
    var on = {};
    buttons.forEach(function (button) { on[button.dataset.verdict] = button.getAttribute("aria-pressed") === "true";
  });
    var wanted = words.value.toLowerCase().split(/\\s+/).filter(Boolean);
    rows.forEach(function (row) {
      var text = row.textContent.toLowerCase();
      row.hidden = !on[row.dataset.verdict] || !wanted.every(function (word) { return text.includes(word); });
    });
  }
  buttons.forEach(function (button) {
    button.addEventListener("click", function () {
      button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
      update();
    });
  });
  words.addEventListener("input", update);
})();
""".strip()
