/// What needs a script: sorting tables and reading values off the curves. Without it the page is
/// complete, only less handy.
enum ReportScript {
    static let source = """
        (function(){'use strict';
        document.querySelectorAll('table.sortable').forEach(function(table){
          var heads=Array.prototype.slice.call(table.tHead.rows[0].cells);
          heads.forEach(function(head,column){
            var button=document.createElement('button');button.type='button';
            button.textContent=head.textContent;head.textContent='';head.appendChild(button);
            button.addEventListener('click',function(){
              var down=head.getAttribute('aria-sort')==='ascending';
              heads.forEach(function(h){h.removeAttribute('aria-sort')});
              head.setAttribute('aria-sort',down?'descending':'ascending');
              var body=table.tBodies[0],rows=Array.prototype.slice.call(body.rows);
              function key(row){var cell=row.cells[column],raw=cell.getAttribute('data-v');
                return raw===null?cell.textContent:(raw===''?Infinity:Number(raw))}
              rows.sort(function(a,b){var x=key(a),y=key(b);
                var order=typeof x==='number'&&typeof y==='number'?(x<y?-1:x>y?1:0):String(x).localeCompare(String(y));
                return down?-order:order});
              rows.forEach(function(row){body.appendChild(row)});
            });
          });
        });
        function time(ns){return ns<1e3?ns+' ns':ns<1e6?(ns/1e3).toPrecision(3)+' µs':ns<1e9?(ns/1e6).toPrecision(3)+' ms':(ns/1e9).toPrecision(3)+' s'}
        var box=document.createElement('div');box.id='crosshair';box.hidden=true;document.body.appendChild(box);
        document.querySelectorAll('svg.curves').forEach(function(svg){
          var cross=document.createElementNS('http://www.w3.org/2000/svg','line');
          cross.setAttribute('class','cross');cross.setAttribute('y1','12');cross.setAttribute('y2','300');
          cross.style.display='none';svg.appendChild(cross);
          var series=Array.prototype.slice.call(svg.querySelectorAll('.series')).map(function(line){
            var values=line.dataset.curve.split(' ').map(function(p){var q=p.split(':');return[Number(q[0]),Number(q[1])]});
            return{line:line,name:line.dataset.name,values:values,points:line.points}});
          svg.addEventListener('pointermove',function(event){
            var place=svg.createSVGPoint();place.x=event.clientX;place.y=event.clientY;
            var at=place.matrixTransform(svg.getScreenCTM().inverse()),found=[];
            series.forEach(function(s){
              if(getComputedStyle(s.line).display==='none')return;
              var best=0,distance=Infinity;
              for(var i=0;i<s.points.numberOfItems;i++){var d=Math.abs(s.points.getItem(i).x-at.x);if(d<distance){distance=d;best=i}}
              found.push({s:s,i:best,y:s.points.getItem(best).y})});
            if(!found.length||at.x<58||at.x>590){leave();return}
            found.sort(function(a,b){return a.y-b.y});
            var near=found.reduce(function(a,b){return Math.abs(b.y-at.y)<Math.abs(a.y-at.y)?b:a});
            series.forEach(function(s){s.line.classList.toggle('near',s===near.s)});svg.classList.add('focused');
            var x=near.s.points.getItem(near.i).x;cross.setAttribute('x1',x);cross.setAttribute('x2',x);cross.style.display='';
            box.textContent='';
            var title=document.createElement('b');title.textContent='p'+Number((near.s.values[near.i][0]*100).toFixed(4));box.appendChild(title);
            found.forEach(function(f){var row=document.createElement('div');
              row.textContent=f.s.name+'  '+time(f.s.values[f.i][1]);
              if(f.s===near.s)row.style.fontWeight='700';
              row.style.color=getComputedStyle(f.s.line).stroke;box.appendChild(row)});
            box.hidden=false;
            var width=box.offsetWidth,height=box.offsetHeight;
            box.style.left=Math.min(event.clientX+16,innerWidth-width-8)+'px';
            box.style.top=Math.max(8,Math.min(event.clientY-height/2,innerHeight-height-8))+'px'});
          function leave(){box.hidden=true;cross.style.display='none';svg.classList.remove('focused')}
          svg.addEventListener('pointerleave',leave)});
        })();
        """
}
