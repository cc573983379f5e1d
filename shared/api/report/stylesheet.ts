/** Of the HTML report. System fonts, both themes, and pages that break between rows. */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --text: #1b1b1f; --muted: #5c5f66; --line: #d4d6db; --ground: #ffffff; --band: #f5f6f8;
  --good: #0b6a31; --warning: #8a4b00; --bad: #b3151c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e8e8ec; --muted: #a5a8b0; --line: #3c3f46; --ground: #17181b; --band: #212328;
    --good: #6fcf8f; --warning: #f0b35e; --bad: #ff8f8f;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 {
  font-size: 1.25rem; margin: 2.25rem 0 .75rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere;
}
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; overflow-wrap: anywhere; }
p, li { overflow-wrap: anywhere; white-space: pre-line; }
.verdict {
  padding: .75rem 1rem; border-left: .3rem solid; background: var(--band); font-weight: 600;
}
.good { color: var(--good); } .warning { color: var(--warning); } .bad { color: var(--bad); }
dl {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
  gap: 0 2rem; margin: 0;
}
dl > div {
  display: grid; grid-template-columns: 12rem 1fr; gap: 1rem; padding: .3rem 0;
  border-bottom: 1px solid var(--line);
}
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { background: var(--band); font-weight: 600; white-space: nowrap; }
td { overflow-wrap: break-word; } td code { overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code, pre { font: .88em/1.5 ui-monospace, "Cascadia Mono", "Liberation Mono", Menlo, monospace; }
pre { padding: .75rem 1rem; background: var(--band); overflow-x: auto; white-space: pre-wrap; }
@media (max-width: 40rem) { dl > div { grid-template-columns: 1fr; gap: 0; } }
@media print {
  :root {
    color-scheme: light; --text: #000; --muted: #444; --line: #bbb; --ground: #fff; --band: #f2f2f2;
    --good: #0b6a31; --warning: #8a4b00; --bad: #b3151c;
  }
  @page { margin: 15mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .table { overflow: visible; }
  thead { display: table-header-group; }
  tr, dl > div, .verdict { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`;
