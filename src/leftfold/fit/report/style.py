"""How the HTML report looks: one accent, in light and dark, on a phone and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2128; --soft: #59636e; --hair: #d9dee4; --wash: #f5f7f9;
  --accent: #0b62b8; --against: #b3402c; --for: #2f7d4f; --on-bar: #fff; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6e9ed; --soft: #9aa5b1; --hair: #333b45;
  --wash: #1c2229; --accent: #66b1ff; --against: #f0907c; --for: #7fce9e; --on-bar: #14181d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
main { max-width: 64rem; margin: 0 auto; padding: 3rem 1.25rem 5rem; }
.wide + article { margin-top: 4rem; }
article + article { margin-top: 5rem; border-top: 1px solid var(--hair); padding-top: 3rem; }
h1, summary, dd { overflow-wrap: anywhere; }
h1 { font-size: 1.05rem; font-weight: 600; color: var(--soft); margin: 0; }
h2 { font-size: 1.15rem; font-weight: 650; margin: 3rem 0 .75rem; }
h3 { font-size: 1rem; font-weight: 600; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .15em; }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--wash); padding: .1em .35em;
  border-radius: 3px; }
.verdict { font-size: 2rem; line-height: 1.2; font-weight: 680; margin: .15rem 0 1.25rem; letter-spacing: -.01em;
  max-width: none; text-wrap: balance; }
.facts { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 0; }
.facts div { min-width: 6rem; } .facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.2rem; }
.alert { border-left: 3px solid var(--against); background: var(--wash); padding: .6rem 1rem; margin: 1rem 0;
  max-width: 48rem; }
.alert p { margin: .2rem 0; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; } details table { font-size: .84rem; }
th { text-align: left; font-weight: 550; color: var(--soft); font-size: .85rem; }
th, td { padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--hair); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; } td code, td a { white-space: nowrap; }
tr.advised td { font-weight: 650; color: var(--accent); }
td.against { color: var(--against); font-weight: 600; } td.for { color: var(--for); font-weight: 600; }
.why { min-width: 16rem; } ol li, ul li { margin: .3rem 0; max-width: 48rem; }
summary { cursor: pointer; font-weight: 550; margin: .75rem 0; } .soft { color: var(--soft); font-size: .92rem; }
svg { display: block; width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--ink); } svg .tick, svg .label, svg .service { fill: var(--soft); font-size: 11px; }
svg .what { font-size: 11px; font-weight: 600; }
svg .grid { stroke: var(--hair); stroke-width: 1; } svg .axis { stroke: var(--soft); stroke-width: 1; }
svg .line { fill: none; stroke-width: 1.5; stroke: var(--soft); stroke-linejoin: round; }
svg .lead { fill: none; stroke: var(--hair); stroke-width: 1; }
svg .line.advised { stroke: var(--accent); stroke-width: 2.75; } svg .name.advised { fill: var(--accent); font-weight: 650; }
svg .o2 { stroke-dasharray: 6 3; } svg .o3 { stroke-dasharray: 2 3; } svg .o4 { stroke-dasharray: 9 3 2 3; }
svg .lead.other { stroke-dasharray: none; }
svg .now { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 1 3; } svg .guide { fill: none; stroke: var(--hair); }
svg .cross { fill: var(--paper); stroke: var(--accent); stroke-width: 2; }
svg .mark { fill: var(--accent); font-weight: 600; }
svg .band { fill: var(--wash); stroke: none; } svg .b1, svg .b3 { fill: var(--paper); }
svg .bar.against { fill: var(--against); } svg .bar.for { fill: var(--for); }
svg .points { fill: var(--on-bar); font-size: 11px; font-weight: 600; }
svg line.total { stroke: var(--ink); stroke-width: 2; } svg text.total { font-weight: 650; }
svg .box { fill: var(--paper); stroke: var(--soft); } svg .store { fill: var(--wash); stroke: var(--soft); }
svg .arrow { fill: none; stroke: var(--soft); stroke-width: 1.25; } svg .tip { fill: var(--soft); }
svg .label { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
@media (max-width: 36rem) { .why { min-width: 9rem; } th, td { padding-right: .6rem; } table { font-size: .85rem; } }
@media print { main { padding: 0; max-width: none; } h2 { break-after: avoid; } svg, tr, .alert { break-inside: avoid; }
  a { color: inherit; } .wide { overflow: visible; } svg { min-width: 0 !important; } }
"""
