"""The colours of pictures, in light and dark mode: distinguishable with red-green colour blindness."""

#: Regimes from good to bad, as named in pictures.
REGIMES = ("Bull", "Neutral", "Bear")
#: The number of line colours.
COLOURS = 5

STYLE = """
.td-ground{fill:#fff}.td-grid{stroke:#e2e8f0;stroke-width:1}.td-axis{stroke:#94a3b8;stroke-width:1}
.td-text{fill:#475569;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.td-unit{font-size:11px;font-style:italic}
.td-title{fill:#0f172a;font-size:14px;font-weight:600}
.td-head{fill:#0f172a;font-weight:600}.td-level{stroke:#64748b;stroke-width:1;stroke-dasharray:5 4}
.td-bar{fill:#1d4ed8;fill-opacity:.55}
.td-line{fill:none;stroke-width:1.3;stroke-linejoin:round}.td-dot{stroke:none}.td-0{stroke-width:2}
.td-fine .td-line{stroke-width:1.2}.td-again{stroke-dasharray:6 3}
.td-0,.td-key-0{stroke:#1d4ed8}.td-1,.td-key-1{stroke:#c2710c}.td-2,.td-key-2{stroke:#0f8a7e}
.td-3,.td-key-3{stroke:#8b46c4}.td-4,.td-key-4{stroke:#64748b}
.td-dot-0{fill:#1d4ed8}.td-dot-1{fill:#c2710c}.td-dot-2{fill:#0f8a7e}.td-dot-3{fill:#8b46c4}.td-dot-4{fill:#64748b}
.td-key{stroke-width:3}.td-water{fill:#d9542b;fill-opacity:.28}.td-shore{fill:none;stroke:#c8451c;stroke-width:1}
.td-expected{fill:#1d4ed8;fill-opacity:.1;stroke:#1d4ed8;stroke-opacity:.45;stroke-width:1}
.td-hit{fill:none;pointer-events:all}.here>.td-hit{fill:#64748b;fill-opacity:.16}
.td-off{display:none}.td-entry[role]{cursor:pointer}.td-entry[aria-pressed=false]{opacity:.45;text-decoration:line-through}
.td-cross{stroke:#0f172a;stroke-width:1;pointer-events:none}.td-chosen{fill:#1d4ed8;fill-opacity:.14;pointer-events:none}
.td-bull{fill:#17a673}.td-neutral{fill:#8592a5}.td-bear{fill:#dd5a34}
@media screen and (prefers-color-scheme:dark){.td-ground{fill:#111a2b}.td-grid{stroke:#26334a}.td-axis{stroke:#5b6b85}
.td-text{fill:#b4c0d3}.td-unit{font-size:11px;font-style:italic}
.td-title,.td-head{fill:#f1f5f9}.td-cross{stroke:#f1f5f9}.td-chosen{fill:#6ea8ff}.td-level{stroke:#a3b1c6}.td-bar{fill:#6ea8ff}
.td-neutral{fill:#64748b}
.td-0,.td-key-0{stroke:#6ea8ff}.td-1,.td-key-1{stroke:#f0a13c}.td-2,.td-key-2{stroke:#3fc7b7}
.td-3,.td-key-3{stroke:#c39af2}.td-4,.td-key-4{stroke:#a3b1c6}
.td-dot-0{fill:#6ea8ff}.td-dot-1{fill:#f0a13c}.td-dot-2{fill:#3fc7b7}.td-dot-3{fill:#c39af2}.td-dot-4{fill:#a3b1c6}
.td-expected{fill:#6ea8ff;stroke:#6ea8ff}.td-water{fill:#f0795a}.td-shore{stroke:#f0795a}}
"""
