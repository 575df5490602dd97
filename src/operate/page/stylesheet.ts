/** The page's only stylesheet. It is text in the program, so a build or a bundle has no file to copy or find. */
export const stylesheet = `
/* Ringback, the operator's page. Order: tokens, base, shell, then the components. No build, no imports. */

/* ── Tokens. ── */
:root {
  color-scheme: light dark;
  --ground: #f3f4f6; --surface: #ffffff; --sunk: #f7f8f9; --line: #e1e4e8; --line-2: #c6ccd3; --edge: #858e99;
  --ink: #15191e; --dim: #57606b; --link: #1b5bb5; --on-link: #ffffff;
  --good: #1a7544; --warn: #8a5a00; --bad: #bb2a2a; --info: #1b5bb5; --hold: #6a4bb8;
  --bar: #788fa8; --own-a: #2f6fc4; --own-b: #0f8378; --own-c: #8a4fb5; --own-d: #7a7420;
  --tint: 6%; --own-tint: 16%;
  --sans: -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", system-ui, sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  --s1: .25rem; --s2: .5rem; --s3: .75rem; --s4: 1rem; --s5: 1.5rem; --s6: 2rem; --s7: 3rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1013; --surface: #14181c; --sunk: #191e23; --line: #272d34; --line-2: #3b434c; --edge: #6f7985;
    --ink: #e5e9ed; --dim: #9ba5b0; --link: #84b4ff; --on-link: #0d1013;
    --good: #63c98f; --warn: #e3b04f; --bad: #ff8b82; --info: #84b4ff; --hold: #bba6ff;
    --bar: #5f7388; --own-a: #5b9cf5; --own-b: #3fbfb0; --own-c: #c08be8; --own-d: #bfb75a;
    --tint: 9%; --own-tint: 24%;
  }
}

/* ── Base ── */
*, *::before, *::after { box-sizing: border-box; }
html { font: 400 87.5%/1.43 var(--sans); font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); }
h1, h2, h3, p, ul, ol, dl, dd, figure, pre, fieldset { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 1.5rem; line-height: 1.25; font-weight: 600; letter-spacing: -.012em; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1rem; line-height: 1.5; font-weight: 600; }
h3 { font-size: 1rem; line-height: 1.43; font-weight: 600; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; text-underline-offset: 2px; }
p a, dd a, a.beside { text-decoration: underline; text-decoration-color: color-mix(in srgb, currentColor 40%, transparent); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
code, pre, kbd, .mono { font-family: var(--mono); font-size: .929rem; font-variant-ligatures: none; }
code { overflow-wrap: anywhere; }
time { white-space: nowrap; }
.dim { color: var(--dim); }
.nb { white-space: nowrap; }
.vh { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: var(--s4); top: -4rem; z-index: 9; padding: var(--s2) var(--s4); background: var(--link); color: var(--on-link); border-radius: 6px; }
.skip:focus { top: var(--s2); }

/* ── Shell: a bar at the side, main, a foot under the bar ── */
.app { display: grid; grid-template: "bar main" 1fr "foot main" auto / 14.5rem minmax(0, 1fr); min-height: 100vh; }
.bar { grid-area: bar; position: sticky; top: 0; align-self: start; padding: var(--s5) var(--s3) var(--s4); }
.foot { grid-area: foot; position: sticky; bottom: 0; padding: var(--s4) var(--s5); font-size: .857rem; color: var(--dim); }
.foot form { margin-top: var(--s2); }
.app main { grid-area: main; min-width: 0; background: var(--surface); border: solid var(--line); border-width: 0 0 0 1px; }
main:focus { outline: none; }
.brand { display: flex; align-items: center; gap: var(--s3); padding: 0 var(--s3); font-weight: 600; color: var(--ink); }
.brand:hover { text-decoration: none; }
.brand svg { width: 1.5rem; height: 1.5rem; flex: none; color: var(--link); }
.brand small { display: block; overflow-wrap: anywhere; font-size: .857rem; line-height: 1.25; font-weight: 400; color: var(--dim); }
.live { display: flex; align-items: center; justify-content: space-between; gap: var(--s1); white-space: nowrap; margin: var(--s5) var(--s3) var(--s3); font-size: .857rem; color: var(--dim); }
.live b { display: inline-block; width: .5rem; height: .5rem; margin-right: .3rem; border-radius: 50%; background: var(--good); }
.live.paused b { background: none; border: 2px solid var(--dim); }
.nav a { display: flex; justify-content: space-between; gap: var(--s2); padding: .4rem var(--s3); border-radius: 6px; color: var(--ink); }
.nav a:hover { background: color-mix(in srgb, var(--ink) 6%, transparent); text-decoration: none; }
.nav a[aria-current] { background: color-mix(in srgb, var(--ink) 9%, transparent); font-weight: 600; }
.nav i { font-style: normal; font-weight: 400; color: var(--dim); }
.nav i.bad { color: var(--bad); font-weight: 600; }
.nav .gap { margin-top: var(--s4); }

.head { padding: var(--s6) var(--s6) var(--s5); border-bottom: 1px solid var(--line); }
h1 > .sign::before { width: 1.45rem; height: 1.45rem; margin-right: .55rem; vertical-align: -.2rem; }
.head.bad { background: color-mix(in srgb, var(--bad) var(--tint), var(--surface)); }
.head.warn { background: color-mix(in srgb, var(--warn) var(--tint), var(--surface)); }
.head.good { background: color-mix(in srgb, var(--good) calc(var(--tint) * .7), var(--surface)); }
.crumb { margin-bottom: var(--s1); font-size: .929rem; color: var(--dim); }
.crumb a { text-decoration: none; }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: var(--s1) var(--s3); }
.lead { max-width: 56rem; text-wrap: pretty; margin-top: var(--s2); }
.lead + .lead { margin-top: var(--s1); }
.body { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--s7); max-width: 92rem; padding: var(--s6) var(--s6) 5rem; }
.body.tight { gap: var(--s4); padding-top: var(--s4); }
.two { display: grid; grid-template-columns: minmax(0, 7fr) minmax(0, 5fr); gap: var(--s7); align-items: start; }
.stack { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--s7); }
.sec-head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 var(--s4); margin-bottom: var(--s3); }

/* ── Status: a glyph, a word, a colour; the glyph and the word suffice ── */
.st { --i: var(--ring); --c: var(--dim); white-space: nowrap; color: var(--c); }
.st::before { content: ""; display: inline-block; width: .93rem; height: .93rem; margin-right: .38rem; vertical-align: -.15rem; background: currentColor; -webkit-mask: var(--i) center/contain no-repeat; mask: var(--i) center/contain no-repeat; }
.st.big { padding: .15rem .6rem .15rem .5rem; border: 1px solid color-mix(in srgb, currentColor 45%, transparent); border-radius: 99px; font-weight: 600; }
:root {
  --ring: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><circle cx='8' cy='8' r='5'/></svg>");
  --tick: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2.2'><path d='M2.5 8.5l3.7 3.7L13.5 4'/></svg>");
  --cross: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2.2'><path d='M3.5 3.5l9 9m0-9l-9 9'/></svg>");
  --stop: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path fill-rule='evenodd' d='M5 1h6l4 4v6l-4 4H5l-4-4V5zm-.2 5.2L6.6 8 4.8 9.8l1.4 1.4L8 9.4l1.8 1.8 1.4-1.4L9.4 8l1.8-1.8-1.4-1.4L8 6.6 6.2 4.8z'/></svg>");
  --bang: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path fill-rule='evenodd' d='M8 1l7.5 13.5H.5zM7 6v4.2h2V6zm0 5.4v1.8h2v-1.8z'/></svg>");
  --query: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><path d='M4.8 5.4a3.2 3.2 0 1 1 4.6 2.9C8.3 8.9 8 9.4 8 10.6M8 12.4v2'/></svg>");
  --wall: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><path d='M1 8h8.5M6 4.5L9.5 8 6 11.5M13.5 2v12'/></svg>");
  --arrow: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><path d='M3 13L13 3M5.5 3H13v7.5'/></svg>");
  --minus: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='2'><circle cx='8' cy='8' r='6'/><path d='M4 12l8-8'/></svg>");
  --pause: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='3'><path d='M5 3v10m6-10v10'/></svg>");
  --open: url("data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M3 11l9-8.5' stroke='black' stroke-width='2'/><circle cx='3' cy='11.5' r='2.4'/><circle cx='13' cy='11.5' r='2.4'/></svg>");
}
.delivered, .well, .closed { --c: var(--good); --i: var(--tick); } .dead, .rejected { --c: var(--bad); --i: var(--stop); } .failed { --c: var(--bad); --i: var(--cross); }
.unknown { --c: var(--warn); --i: var(--query); } .not_sent { --c: var(--warn); --i: var(--wall); } .warning, .busy { --c: var(--warn); --i: var(--bang); }
.fault { --c: var(--bad); --i: var(--bang); } .claimed { --c: var(--info); --i: var(--arrow); } .cancelled { --i: var(--minus); } .held { --c: var(--hold); --i: var(--pause); } .standby { --c: var(--warn); --i: var(--pause); } .breaker { --c: var(--bad); --i: var(--open); }

/* ── Stats: one strip under the head; each is a link to its list ── */
.stats { display: grid; grid-template-columns: repeat(6, 1fr); border-bottom: 1px solid var(--line); overflow: hidden; }
.stats > * { margin: 0 -1px -1px 0; border: solid var(--line); border-width: 0 1px 1px 0; }
a.stat { height: 100%; }
.stat { display: block; padding: var(--s4) var(--s2) var(--s4) var(--s6); color: var(--ink); }
a.stat:hover { background: var(--sunk); text-decoration: none; }
.stat span { display: block; font-size: .929rem; color: var(--dim); }
.stat strong { display: block; font-size: 1.857rem; line-height: 1.2; font-weight: 600; letter-spacing: -.02em; white-space: nowrap; }
.stat strong small { font-size: 1rem; font-weight: 400; letter-spacing: 0; color: var(--dim); }
.stat .st { color: var(--c); white-space: normal; }

/* ── Tables. .cards: below 54rem each row becomes a card; cells with data-l say their column ── */
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: var(--s3); }
caption p { color: var(--dim); }
th { text-align: left; font-weight: 400; vertical-align: baseline; }
thead th { padding: 0 var(--s4) var(--s2) 0; font-size: .929rem; color: var(--dim); white-space: nowrap; border-bottom: 1px solid var(--line-2); }
tbody th, tbody td { padding: .55rem var(--s4) .55rem 0; vertical-align: baseline; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr > :last-child { padding-right: 0; }
tbody tr:hover { background: var(--sunk); }
.n { text-align: right; white-space: nowrap; }
.n + td, .n + th { padding-left: var(--s4); }
td.svg { vertical-align: top; }
td small, th small, dd small, .small { display: block; font-size: .857rem; line-height: 1.4; color: var(--dim); }
.fit { width: 1%; white-space: nowrap; }
.path { min-width: 6.5rem; }
.spark { display: block; width: 10rem; height: 2rem; }
.hbar { display: block; width: 100%; height: .5rem; min-width: 4rem; margin-top: .4rem; }
.hbar rect { height: 100%; }
.hbar.thin { height: .3rem; max-width: 14rem; margin: .25rem 0 .15rem; }

/* ── Charts: bars a minute, one row for each outcome, each with a scale of its own ── */
.plots .axis { margin-top: calc(var(--s2) * -1); }
.plots { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: var(--s3) var(--s4); }
.plots dt { font-size: .929rem; color: var(--dim); }
.plots dt small { display: block; font-size: .857rem; }
.plots dt b { display: block; font-size: 1.143rem; line-height: 1.25; font-weight: 600; color: var(--ink); }
.plot { display: block; width: 100%; height: 3.25rem; overflow: visible; border-bottom: 1px solid var(--line-2); }
.plot.tall { height: 8.5rem; } .plot.mid { border: 0; height: 9.5rem; }
svg text { font-size: .857rem; fill: var(--dim); font-family: var(--sans); }
.f-area { fill: color-mix(in srgb, var(--bar) 30%, var(--surface)); } .f-line { fill: none; stroke: var(--bar); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.f-bar { fill: var(--bar); } .f-good { fill: var(--good); } .f-warn { fill: var(--warn); } .f-bad { fill: var(--bad); } .f-hold { fill: var(--hold); } .f-rest { fill: var(--line); }
.f-a { fill: var(--own-a); } .f-b { fill: var(--own-b); } .f-c { fill: var(--own-c); }
.rule { stroke: var(--line-2); } .mark { stroke: var(--bad); stroke-dasharray: 2 3; }
.axis { grid-column: 2; display: flex; justify-content: space-between; font-size: .857rem; color: var(--dim); }
.seg { display: flex; gap: 2px; }
.seg a { padding: .1rem .55rem; border-radius: 5px; color: var(--dim); }
.seg a[aria-current] { background: color-mix(in srgb, var(--ink) 9%, transparent); color: var(--ink); }
details > summary { width: fit-content; color: var(--dim); cursor: pointer; font-size: .929rem; }
details[open] > summary { margin-bottom: var(--s2); }
details + details, dl + details, dl + .copies, p + pre, p + .copy { margin-top: var(--s3); }
.legend { margin-top: var(--s3); display: flex; flex-wrap: wrap; gap: var(--s1) var(--s4); font-size: .929rem; color: var(--dim); }
.legend svg { width: .65rem; height: .65rem; margin-right: .35rem; }

/* ── Findings: severity, what was found, what it means, what to do ── */
.finding { display: grid; grid-template-columns: 1.35rem minmax(0, 1fr); padding: var(--s4) 0; border-top: 1px solid var(--line); }
.finding:first-child { padding-top: 0; border: 0; }
.finding > * { grid-column: 2; } .finding > .st { grid-column: 1; }
.finding h3 { margin-bottom: .1rem; text-wrap: pretty; }
.finding .do { display: flex; flex-wrap: wrap; align-items: center; gap: var(--s2) var(--s3); margin-top: var(--s3); }

/* ── Buttons, forms, the bar of bulk acts ── */
.btn { text-decoration: none; display: inline-flex; align-items: center; justify-content: center; min-height: 2.15rem; padding: 0 .85rem; font: inherit; font-weight: 500; color: var(--ink); background: var(--surface); border: 1px solid var(--line-2); border-radius: 6px; cursor: pointer; white-space: nowrap; }
.btn:hover { border-color: var(--edge); background: var(--sunk); text-decoration: none; }
.btn.main { background: var(--link); border-color: var(--link); color: var(--on-link); }
.btn.main:hover { background: color-mix(in srgb, var(--link) 88%, var(--ink)); }
.btn.risk { color: var(--bad); border-color: color-mix(in srgb, var(--bad) 45%, var(--line-2)); }
.btn.tiny { min-height: 1.7rem; padding: 0 .55rem; font-size: .857rem; }
.btn[disabled] { color: var(--dim); background: none; border-style: dashed; cursor: not-allowed; }
.acts { display: flex; flex-wrap: wrap; align-items: center; gap: var(--s2); margin-top: var(--s4); }
.acts + .small { margin-top: var(--s2); }
input, select, textarea { width: 100%; height: 2.15rem; padding: .3rem .6rem; font: inherit; color: var(--ink); background: var(--surface); border: 1px solid var(--edge); border-radius: 6px; }
input[type=checkbox] { width: 1.05rem; height: 1.05rem; margin: 0; vertical-align: -.15rem; accent-color: var(--link); }
label, .label { display: block; margin-bottom: var(--s1); font-size: .929rem; color: var(--dim); }
.filter { display: grid; grid-template-columns: 1.3fr 1.3fr 1fr 1fr auto; gap: var(--s3); align-items: end; }
.tabs { display: flex; flex-wrap: wrap; gap: 0 var(--s5); padding: 0 var(--s6); border-bottom: 1px solid var(--line); }
.tabs a { padding: var(--s3) 0; margin-bottom: -1px; color: var(--dim); border-bottom: 2px solid transparent; }
.tabs a:hover { color: var(--ink); text-decoration: none; }
.tabs a[aria-current] { color: var(--ink); font-weight: 600; border-color: var(--ink); }
.tabs i { font-style: normal; font-weight: 400; color: var(--dim); margin-left: .2rem; }
.bulk { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: var(--s2) var(--s4); padding: var(--s3) var(--s4); background: var(--sunk); border: 1px solid var(--line); border-radius: 8px; }
.bulk .acts, .pager .acts, .filter .acts { margin: 0; }
.pager { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: var(--s2) var(--s4); }
.newer { display: block; margin-bottom: var(--s4); padding: var(--s2); text-align: center; background: color-mix(in srgb, var(--info) var(--tint), var(--surface)); border-radius: 6px; }

/* ── Facts, code, timeline, relays, steps, dialog ── */
.facts { display: grid; grid-template-columns: minmax(6.5rem, auto) minmax(0, 1fr); gap: var(--s2) var(--s5); }
.facts dt { color: var(--dim); }
.facts dd { overflow-wrap: anywhere; }
pre { padding: var(--s3) var(--s4); background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }
pre.one { user-select: all; }
.copy { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: var(--s1) var(--s3); align-items: end; }
.copy pre { grid-column: 1 / -1; margin: 0; }
.copy .btn { grid-area: 1 / 2; }
.copy .label { margin: 0; }
.copies { display: grid; grid-template-columns: minmax(0, 1fr); gap: var(--s3); }

.timeline > li { position: relative; display: grid; grid-template-columns: 6.1rem 1.1rem minmax(0, 1fr); gap: 0 var(--s2); padding-bottom: var(--s5); }
.timeline > li::before { content: ""; position: absolute; left: calc(6.6rem + .45rem); top: 1.5rem; bottom: -.1rem; width: 1px; background: var(--line-2); }
.timeline > li:last-child { padding-bottom: 0; }
.timeline > li:last-child::before { display: none; }
.timeline > li > time { color: var(--dim); }
.timeline .st.dot { height: 1.43em; }
.timeline pre { margin-top: var(--s2); font-size: .857rem; }

.own { font-weight: 600; display: inline-block; width: 1.6rem; color: var(--ink); margin-right: .4rem; text-align: center; border-radius: 4px; background: color-mix(in srgb, var(--o) var(--own-tint), var(--surface)); }
.a { --o: var(--own-a); } .b { --o: var(--own-b); } .c { --o: var(--own-c); } .d { --o: var(--own-d); }
.differs { background: color-mix(in srgb, var(--warn) calc(var(--tint) * 1.6), var(--surface)); border-radius: 4px; padding: 0 .35rem; }

.steps > li { display: grid; grid-template-columns: 2rem minmax(0, 1fr); gap: var(--s3); padding-bottom: var(--s6); }
.steps > li > .no { width: 1.75rem; height: 1.75rem; line-height: 1.65rem; text-align: center; border: 1px solid var(--line-2); border-radius: 50%; color: var(--dim); }
.steps .no .st::before { margin: 0; }
.steps .prose { max-width: 46rem; }
.prose > * + * { margin-top: var(--s3); }

dialog, .sheet { width: min(38rem, calc(100vw - 2rem)); padding: var(--s5); color: var(--ink); background: var(--surface); border: 1px solid var(--line-2); border-radius: 10px; }
dialog { box-shadow: 0 1rem 3rem rgb(0 0 0 / .28); }
dialog::backdrop { background: rgb(8 11 14 / .5); }
dialog .acts, .sheet .acts { margin-top: var(--s5); }
dialog h2, .sheet h1 { margin-bottom: var(--s3); }
.gate { display: grid; align-content: center; justify-items: center; gap: var(--s5); min-height: 100vh; padding: var(--s5) var(--s4); }
.gate .sheet { padding: var(--s6); } .gate.slim .sheet { width: min(24rem, calc(100vw - 2rem)); }
.gatebrand { padding: 0; margin-bottom: var(--s5); }
.gate .last { background: none; border-color: var(--line); padding-block: var(--s4); }
.gate .last h2 { margin-bottom: var(--s2); }
.gate .field + .field { margin-top: var(--s4); }
.gate .btn.wide { width: 100%; margin-top: var(--s5); }

/* ── Narrow: below 70rem the bar goes to the top, below 54rem tables become cards, below 36rem a telephone ── */
@media (max-width: 70rem) {
  .app { grid-template: "bar" auto "main" 1fr "foot" auto / minmax(0, 1fr); }
  .app main { border-width: 1px 0; }
  .bar { position: static; display: grid; grid-template-columns: minmax(0, 1fr) auto; align-items: center; gap: var(--s3); padding: var(--s3) var(--s6) var(--s2); }
  .brand { padding: 0; } .live { margin: 0; gap: var(--s3); } .foot { position: static; padding: var(--s5) var(--s6); }
  .nav { grid-column: 1 / -1; } .nav ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(5.6rem, 1fr)); gap: 2px; }
  .nav a { justify-content: center; padding: .5rem .1rem; font-size: .929rem; } .nav .gap { margin: 0; }
  .two { grid-template-columns: minmax(0, 1fr); }
  .filter { grid-template-columns: 1fr 1fr; } .filter .acts { grid-column: 1 / -1; }
  .stats { grid-template-columns: repeat(3, 1fr); }
}
@media (max-width: 60rem) { .hide { display: none; } }
@media (max-width: 54rem) {
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards, .cards caption, .cards tbody { display: block; }
  .cards tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .15rem var(--s4); padding: var(--s3) 0; border-bottom: 1px solid var(--line); }
  .cards tr > * { padding: 0; border: 0; width: auto; min-width: 0; white-space: normal; }
  .cards .w { grid-column: 1 / -1; } .cards .n, .cards .s { text-align: right; } .cards [data-l]::before { content: attr(data-l) " "; color: var(--dim); }
  .cards .left { text-align: left; } .cards tbody tr:first-child { padding-top: 0; } .cards td:not(.w) > small, .cards td time small { display: inline; }
  .list tr { grid-template-columns: 2.5rem minmax(0, 1fr) auto; } .list .w, .list .key { grid-column: 2 / -1; } .list .tick { grid-row: 1 / 6; } .list .tick input { width: 1.5rem; height: 1.5rem; }
  .list td.n { text-align: left; grid-column: 2; } .list td.at { grid-column: 3; }
}
@media (max-width: 36rem) {
  .bar { padding: var(--s3) var(--s4) var(--s2); } .foot { padding: var(--s5) var(--s4); }
  .head { padding: var(--s5) var(--s4) var(--s4); } .tabs { padding: 0 var(--s4); gap: 0 var(--s4); } .body { padding: var(--s5) var(--s4) var(--s7); gap: var(--s6); }
  h1 { font-size: 1.357rem; }
  .stats { grid-template-columns: 1fr 1fr; } .stat { padding: var(--s3) var(--s4); } .stat strong { font-size: 1.571rem; }
  .btn { min-height: 3.15rem; } .btn.tiny { min-height: 2.3rem; } input, select, textarea { min-height: 3.15rem; font-size: 1.143rem; }
  .plots { grid-template-columns: minmax(0, 1fr); gap: var(--s1); } .plots dt { margin-top: var(--s3); } .plots dt b, .plots dt small { display: inline; margin-right: .4rem; } .plots .axis { grid-column: 1; margin: var(--s1) 0 0; }
  .plot.tall { height: 7.5rem; }
  .timeline > li { grid-template-columns: 1.1rem minmax(0, 1fr); } .timeline > li::before { left: .45rem; } .timeline .dot { grid-area: 1 / 1; } .timeline > li > time { grid-area: 1 / 2; } .timeline .say { grid-area: 2 / 2; }
  .facts { grid-template-columns: minmax(5.5rem, auto) minmax(0, 1fr); gap: var(--s2) var(--s3); }
  .filter p:nth-of-type(-n+2) { grid-column: 1 / -1; } .gate .sheet { padding: var(--s5); }
}
@media (prefers-reduced-motion: no-preference) {
  .btn, .nav a, .skip { transition: background-color .12s, border-color .12s; }
  .live:not(.paused) b { animation: beat 2s ease-in-out infinite; }
  @keyframes beat { 50% { opacity: .35; } }
}
@media (max-height: 38rem) { .bar, .foot { position: static; } }
@media (forced-colors: active) { .st::before { background: CanvasText; forced-color-adjust: none; } }

/* ── Of the built page ── */
[hidden] { display: none !important; }
.foot .nb { overflow-wrap: anywhere; white-space: normal; }
.live time { white-space: nowrap; }
.list th a { white-space: nowrap; }
.acts:has(label) { align-items: end; }
textarea { height: auto; font-family: var(--mono); line-height: 1.5; resize: vertical; }
.plots + .small { margin: var(--s3) 0; }
@media (max-width: 36rem) { td.svg { width: 30%; } .hbar:not(.thin) { min-width: 2.5rem; } }
.whole { flex: 1 1 100%; } .acts:has(.whole) { max-width: 56rem; }
.holdform { grid-template-columns: 1.6fr 1.6fr auto; }
.body > .newer { margin-bottom: 0; }
`
