/// The page's style sheet. Colours are variables, so that light, dark and print differ in one
/// place; charts are inline SVG and take theirs from the same variables.
enum ReportStyle {
    static let css = """
        :root{--page:#f4f5f7;--card:#fff;--ink:#1b1f27;--soft:#5d6675;--line:#e3e6eb;--accent:#3567d6;
        --good:#1d7f4f;--good-bg:#dff3e7;--bad:#b3261e;--bad-bg:#fbe3e0;--open-bg:#fdf0d3;--open:#8a5a00;
        --shadow:0 1px 3px rgba(20,28,45,.10),0 1px 1px rgba(20,28,45,.05);
        --c0:#2f66d8;--c1:#178a5f;--c2:#d9622b;--c3:#8b4fcf;--c4:#c23a78;--c5:#7a6a12;
        --blue-lo:#e4eefc;--blue-hi:#21408f;--green-lo:#dff3ea;--green-hi:#0f5a45;--red-lo:#fde9dc;--red-hi:#a8301f;
        --mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
        @media(prefers-color-scheme:dark){:root{--page:#0f1218;--card:#181d26;--ink:#e8ebf1;--soft:#98a2b3;--line:#2a313d;
        --accent:#7ba6ff;--good:#6ed3a0;--good-bg:#12352a;--bad:#ff9a8f;--bad-bg:#43201f;--open-bg:#3d3013;--open:#f2c46b;
        --shadow:0 0 0 1px #252c38;--c0:#76a4ff;--c1:#54cf9e;--c2:#ff9661;--c3:#bd93ff;--c4:#ff85b5;--c5:#d6c45a;
        --blue-lo:#1b2740;--blue-hi:#8db5ff;--green-lo:#15302a;--green-hi:#74dcb2;--red-lo:#3a2320;--red-hi:#ff9b7d}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:1240px;margin:0 auto;padding:30px 24px 60px}
        h1{font-size:29px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
        h2{font-size:19px;margin:38px 0 12px;letter-spacing:-.005em}
        h3{font-size:15px;margin:0 0 10px}
        p{margin:0 0 10px}
        .quiet,.sub{color:var(--soft);font-size:13.5px}
        .card{background:var(--card);border-radius:12px;box-shadow:var(--shadow);padding:18px 20px;margin:0}
        .grid{display:grid;gap:16px}
        .two{grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
        .answer{grid-template-columns:minmax(0,1.25fr) minmax(0,1fr)}
        .heats{grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr))}
        .headline{font-size:20px;line-height:1.38;font-weight:600;margin:0 0 14px;letter-spacing:-.005em}
        .remarks{margin:0;padding-left:18px}.remarks li{margin:0 0 7px}
        details{margin-top:12px}summary{cursor:pointer;color:var(--accent);font-weight:600;font-size:14px}
        details ul{margin:8px 0 0;padding-left:18px;font-size:14px}
        figure{margin:0}figcaption{font-weight:650;font-size:14px;margin-bottom:10px}
        svg{display:block;width:100%;height:auto;overflow:visible}
        svg text{font-family:inherit;fill:var(--soft);font-size:11.5px}
        .t.strong{fill:var(--ink);font-weight:600}.t.small{font-size:10.5px}
        .fault-band{fill:var(--bad-bg);opacity:.75}
        figure.card{margin-top:16px}.grid>figure.card{margin-top:0}
        .grid-line{stroke:var(--line);stroke-width:1}
        .series{fill:none;stroke-width:2.1;stroke-linejoin:round;stroke-linecap:round}
        .c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}.c3{stroke:var(--c3)}.c4{stroke:var(--c4)}.c5{stroke:var(--c5)}
        .d1{stroke-dasharray:8 5}.d2{stroke-dasharray:1.5 5}.d3{stroke-dasharray:12 4 2 4}.d4{stroke-dasharray:4 3}.d5{stroke-dasharray:14 6}
        .curves .series:hover{stroke-width:4}
        .curves.focused .series:not(.near){opacity:.28}
        .legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin:0 0 14px;font-size:13.5px}
        .legend label{display:inline-flex;align-items:center;gap:6px;cursor:pointer;font-variant-numeric:tabular-nums}
        .legend .swatch{width:30px;height:8px}.legend input{margin:0;accent-color:var(--accent)}
        .switch{display:inline-flex;border-radius:8px;overflow:hidden;margin:0 0 12px;font-size:13.5px;box-shadow:0 0 0 1px var(--line)}
        .switch label{padding:5px 13px;cursor:pointer;color:var(--soft)}
        .switch input{position:absolute;opacity:0;pointer-events:none}
        .switch label:has(:checked){background:var(--accent);color:var(--card);font-weight:600}
        .switch label:has(:focus-visible){outline:2px solid var(--accent);outline-offset:2px}
        .latency:has(.on-intended:checked) .clock-service,.latency:has(.on-service:checked) .clock-intended{display:none}
        nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:14px 0 0;font-size:14px}nav a{color:var(--accent);text-decoration:none;font-weight:600}nav a:hover{text-decoration:underline}
        details.panel{margin:0 0 18px}details.panel>summary{color:var(--ink);font-size:15px;margin:0 0 10px}#answer .scroll{margin-bottom:18px}
        .stale-mark{fill:var(--c2)}.stale-key{background:var(--c2)}
        .node-lane{fill:var(--page)}.event{fill:var(--soft)}.event.moves{fill:var(--accent)}.story{font-size:13px;margin-top:12px}.story ol{margin:8px 0 0;padding-left:0;list-style:none;max-height:320px;overflow:auto;font:12px/1.6 var(--mono)}
        .h .b{fill:color-mix(in oklab,var(--hi) calc(var(--k)*1%),var(--lo))}
        .h .v{fill:var(--ink);font-weight:650;font-size:13px;font-variant-numeric:tabular-nums}
        .small-v .v{font-size:11.5px}
        .ramp-latency{--lo:var(--blue-lo);--hi:var(--blue-hi)}.ramp-throughput{--lo:var(--green-lo);--hi:var(--green-hi)}
        .ramp-staleness{--lo:var(--red-lo);--hi:var(--red-hi)}
        .h0{--k:0}.h1{--k:11}.h2{--k:22}.h3{--k:34}.h4{--k:47}.h5{--k:60}.h6{--k:74}.h7{--k:87}.h8{--k:100}
        .h4 .v,.h5 .v,.h6 .v,.h7 .v,.h8 .v{fill:var(--card)}
        .none .b{fill:var(--line)}.good .b,.unseen .b{fill:var(--good-bg)}.good .v,.unseen .v{fill:var(--good)}
        .bad .b{fill:var(--bad-bg)}.bad .v{fill:var(--bad)}.open .b{fill:var(--open-bg)}.h.open .v{fill:var(--open)}
        .dot{stroke-width:0}.dot.c0{fill:var(--c0)}.dot.c1{fill:var(--c1)}.dot.c2{fill:var(--c2)}.dot.c3{fill:var(--c3)}.dot.c4{fill:var(--c4)}.dot.c5{fill:var(--c5)}
        .dot.choice{stroke:var(--ink);stroke-width:2.2}
        .leader{stroke:var(--soft);stroke-width:.7}.unseen .v{font-size:12px;font-weight:600}.frontier{fill:none;stroke:var(--soft);stroke-width:1.3;stroke-dasharray:4 4}
        .unseen-zone{fill:var(--good-bg);opacity:.65}
        .bar-stale{fill:var(--c2);opacity:.55}.whisker{stroke:var(--ink);stroke-width:1.4}.whisker.bound{stroke:var(--good);stroke-width:3;opacity:.75}
        .multiples{display:grid;grid-template-columns:repeat(var(--columns),minmax(0,1fr));gap:14px 18px}
        .multiples figcaption{font-size:13px;margin:0 0 2px}
        .over-time{fill:none;stroke-width:1.9;stroke-linejoin:round}.over-time.p50{stroke:var(--c1)}.over-time.p99{stroke:var(--c0)}.over-time.max{stroke:var(--soft);stroke-width:1;opacity:.7}
        .rate{fill:var(--c0);opacity:.28}.rate.failed{fill:var(--bad);opacity:.7}
        .key{display:inline-block;width:14px;height:3px;border-radius:2px;vertical-align:middle;margin:0 5px 0 12px}
        .wide{overflow-x:auto}.timeline{min-width:620px}
        .event-line{stroke:var(--line);stroke-dasharray:2 3}
        .op{fill:var(--c0);opacity:.82}.op-write{fill:var(--c3)}.op.at-fault{stroke:var(--bad);stroke-width:3;opacity:1}.op.open{fill-opacity:.35;stroke-dasharray:5 3}
        .op-label{fill:var(--ink);font-weight:600;font-family:var(--mono)}svg .on-bar{fill:var(--card)}
        .cause{max-width:80ch}
        .witness+.witness{margin-top:16px}
        pre{margin:0;padding:10px 12px;border-radius:8px;background:var(--page);overflow-x:auto;font:13px/1.45 var(--mono)}
        code{font-family:var(--mono);font-size:.93em}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;width:100%}
        th,td{padding:6px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
        th{color:var(--soft);font-weight:600}tbody th{color:var(--ink);text-align:left}
        th:first-child,td:first-child{text-align:left}
        thead th button{all:unset;cursor:pointer}thead th button:focus-visible{outline:2px solid var(--accent)}
        th[aria-sort] button{color:var(--accent)}th[aria-sort=ascending] button::after{content:" ↑"}th[aria-sort=descending] button::after{content:" ↓"}
        tbody tr:hover{background:var(--page)}
        .badge{display:inline-block;padding:1px 8px;border-radius:9px;font-weight:600;font-size:12.5px}
        .badge.good{background:var(--good-bg);color:var(--good)}.badge.bad{background:var(--bad-bg);color:var(--bad)}.badge.open{background:var(--open-bg);color:var(--open)}
        .facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:10px 24px;margin:0}
        .facts dt{color:var(--soft);font-size:12.5px}.facts dd{margin:0;overflow-wrap:anywhere}
        #crosshair{position:fixed;pointer-events:none;background:var(--card);color:var(--ink);border-radius:8px;box-shadow:0 2px 14px rgba(0,0,0,.28);padding:8px 11px;font-size:12.5px;z-index:9;font-variant-numeric:tabular-nums;line-height:1.45}
        .cross{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
        @media(max-width:760px){main{padding:18px 12px 40px}h1{font-size:23px}.answer{grid-template-columns:minmax(0,1fr)}.headline{font-size:17.5px}
        .card{padding:14px}.multiples{grid-template-columns:minmax(0,1fr)}.heats{gap:12px}.chart{min-width:0}.wide .chart{min-width:540px}}
        @media print{:root{--page:#fff;--shadow:0 0 0 1px #ddd}body{font-size:11px}main{max-width:none;padding:0}.legend input,.switch{display:none}
        .card,figure,tr{break-inside:avoid}h2{break-after:avoid}details>*{display:block}}
        """
}
