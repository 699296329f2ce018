extension TimelinePage {
    static let style = """
        :root{color-scheme:light dark;--text:#1b1f24;--soft:#59636e;--back:#fff;--rule:#d8dee4;\
        --read:#0a6ebd;--readfill:#bfe0f7;--write:#b35900;--writefill:#ffd9ae;--edge:#c4233b;\
        --faint:#f4f6f8}
        @media(prefers-color-scheme:dark){:root{--text:#e6e9ec;--soft:#9aa4ae;--back:#14181d;\
        --rule:#333b44;--read:#5cb3f2;--readfill:#124a73;--write:#f0a04b;--writefill:#6b3a08;\
        --edge:#ff6b81;--faint:#1c2128}}
        *{box-sizing:border-box}
        body{font:15px/1.5 system-ui,sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;\
        color:var(--text);background:var(--back);overflow-wrap:anywhere}
        h1{font-size:1.5em}h2{margin-top:2.2em;font-size:1.2em}.count{color:var(--soft)}
        .tools{display:flex;flex-wrap:wrap;align-items:center;gap:.4em 1em;font-size:13px}
        .tools button{font:inherit;min-width:2.4em;padding:.2em .6em;color:var(--text);\
        background:var(--faint);border:1px solid var(--rule);border-radius:5px;cursor:pointer}
        .tools button+button{margin-left:-.6em}
        .key::before{content:"";display:inline-block;width:1.6em;height:.8em;margin-right:.4em;\
        border:1.5px solid;border-radius:2px;vertical-align:-.05em}
        .key.read::before{border-color:var(--read);background:var(--readfill)}
        .key.write::before{border-color:var(--write);background:var(--writefill)}
        .key.open::before{border-style:dashed;border-color:var(--write)}
        .key.order::before{height:0;border-width:1px 0 0;border-color:var(--edge);\
        vertical-align:.3em}
        .frame{display:flex;margin:.8em 0 1em;border:1px solid var(--rule);border-radius:6px}
        .names{position:relative;flex:none;width:6.6em;font-size:12px;color:var(--soft);\
        border-right:1px solid var(--rule)}
        .names span{position:absolute;left:.7em;white-space:nowrap}
        .scroll{flex:1;min-width:0;overflow-x:auto}
        .plot{position:relative;min-width:640px}
        .plot svg{position:absolute;inset:0;width:100%;height:100%}
        .lane{position:absolute;left:0;right:0;border-top:1px solid var(--rule)}
        .tick{position:absolute;top:1px;font-size:11px;color:var(--soft);\
        transform:translateX(-50%);white-space:nowrap}
        .tick.first{transform:none;padding-left:4px}
        .tick.last{transform:translateX(-100%);padding-right:4px}
        .gap{position:absolute;top:0;bottom:0;border:dashed var(--rule);border-width:0 1px;\
        background:var(--faint);color:var(--soft);font-size:11px;text-align:center}
        .gap b{display:inline-block;writing-mode:vertical-rl;font-weight:400;margin-top:24px}
        .bar{position:absolute;height:18px;min-width:3px;border:1.5px solid;border-radius:3px;\
        background:var(--back);opacity:.75}
        .bar.read{border-color:var(--read)}.bar.write{border-color:var(--write)}
        .bar.member{opacity:1}
        .bar.member.read{background:var(--readfill)}.bar.member.write{background:var(--writefill)}
        .bar.open{border-style:dashed;border-right:0;border-radius:3px 0 0 3px}
        .label{position:absolute;font-size:12px;font-weight:600;white-space:nowrap;\
        max-width:45%;overflow:hidden;text-overflow:ellipsis;pointer-events:none;line-height:17px}
        line.edge{stroke:var(--edge);stroke-width:2;vector-effect:non-scaling-stroke}
        .head{position:absolute;width:8px;height:8px;margin:-4px;border-radius:50%;\
        background:var(--edge);z-index:1}
        table{border-collapse:collapse;font-size:13px}
        th,td{text-align:left;padding:.25em 1.2em .25em 0;border-bottom:1px solid var(--rule)}
        th{font-weight:600;color:var(--soft)}td:nth-child(n+3){white-space:nowrap}
        """

    /// Zooms by the buttons, by Ctrl and the wheel (a pinch, on touchpads), drags to move.
    static let script = """
        document.querySelectorAll('section').forEach(section=>{
          const plot=section.querySelector('.plot'),scroll=plot.parentNode;let zoom=1,drag=null;
          const set=(to,at)=>{const place=(scroll.scrollLeft+at)/plot.offsetWidth;
            zoom=Math.max(1,Math.min(2000,to));plot.style.width=zoom*100+'%';
            scroll.scrollLeft=place*plot.offsetWidth-at;};
          section.querySelectorAll('[data-zoom]').forEach(button=>button.onclick=()=>
            set(zoom*Number(button.dataset.zoom),scroll.clientWidth/2));
          scroll.addEventListener('wheel',e=>{if(!e.ctrlKey)return;e.preventDefault();
            set(zoom*(e.deltaY<0?1.25:0.8),e.clientX-scroll.getBoundingClientRect().left);},
            {passive:false});
          scroll.addEventListener('mousedown',e=>{drag=e.clientX+scroll.scrollLeft;});
          addEventListener('mousemove',e=>{if(drag!==null)scroll.scrollLeft=drag-e.clientX;});
          addEventListener('mouseup',()=>{drag=null;});
        });
        """
}
