import{$r as e,Ei as t,En as n,F as r,Hi as i,I as a,Ji as o,Oi as s,Ti as c,Wr as l,Zr as u,_a as d,an as f,bn as p,cr as m,ea as h,fa as g,ha as _,hn as v,na as y,on as b,pa as x,qi as S,sn as C,ta as w,ur as T,vn as E,xi as D,ya as O,yi as k}from"./icons-BetLBl7R.js";import{n as A,t as j}from"./ToggleButtonGroup-kkC4BTgr.js";import{A as M,dt as N,k as ee,t as P,tt as F}from"./FarmFrame-cTzVIk9E.js";import{t as I}from"./Card-BtnAxDqI.js";import{t as L}from"./Confirm-hIo3mPed.js";import{t as R}from"./PageTitle-CIXhesHB.js";import{t as z}from"./Pages-D-M_Thij.js";function B(e){return o(`MuiLinearProgress`,e)}S(`MuiLinearProgress`,[`root`,`colorPrimary`,`colorSecondary`,`determinate`,`indeterminate`,`buffer`,`query`,`dashed`,`bar`,`bar1`,`bar2`]);var V=O(d(),1),H=h(),U=4,W={},G=y`
  0% {
    left: -35%;
    right: 100%;
  }

  60% {
    left: 100%;
    right: -90%;
  }

  100% {
    left: 100%;
    right: -90%;
  }
`,K=typeof G==`string`?null:w`
        animation: ${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite;
      `,q=y`
  0% {
    left: -200%;
    right: 100%;
  }

  60% {
    left: 107%;
    right: -8%;
  }

  100% {
    left: 107%;
    right: -8%;
  }
`,J=typeof q==`string`?null:w`
        animation: ${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite;
      `,Y=y`
  0% {
    opacity: 1;
    background-position: 0 -23px;
  }

  60% {
    opacity: 0;
    background-position: 0 -23px;
  }

  100% {
    opacity: 1;
    background-position: -200px -23px;
  }
`,te=typeof Y==`string`?null:w`
        animation: ${Y} 3s infinite linear;
      `,X=e=>{let{classes:t,variant:n,color:r}=e,i={root:[`root`,`color${g(r)}`,n],dashed:[`dashed`],bar1:[`bar`,`bar1`],bar2:[`bar`,`bar2`,n===`buffer`&&`color${g(r)}`]};return x(i,B,t)},Z=(e,t)=>e.vars?e.vars.palette.LinearProgress[`${t}Bg`]:e.palette.mode===`light`?e.lighten(e.palette[t].main,.62):e.darken(e.palette[t].main,.5),Q=s(`span`,{name:`MuiLinearProgress`,slot:`Root`,overridesResolver:(e,t)=>{let{ownerState:n}=e;return[t.root,t[`color${g(n.color)}`],t[n.variant]]}})(t(({theme:t})=>({position:`relative`,overflow:`hidden`,display:`block`,height:4,zIndex:0,"@media print":{colorAdjust:`exact`},variants:[...Object.entries(t.palette).filter(e()).map(([e])=>({props:{color:e},style:{backgroundColor:Z(t,e)}})),{props:({ownerState:e})=>e.color===`inherit`&&e.variant!==`buffer`,style:{"&::before":{content:`""`,position:`absolute`,left:0,top:0,right:0,bottom:0,backgroundColor:`currentColor`,opacity:.3}}},{props:{variant:`buffer`},style:{backgroundColor:`transparent`}},{props:{variant:`query`},style:{transform:`rotate(180deg)`}}]}))),ne=s(`span`,{name:`MuiLinearProgress`,slot:`Dashed`})(t(({theme:t})=>({position:`absolute`,marginTop:0,height:`100%`,width:`100%`,backgroundSize:`10px 10px`,backgroundPosition:`0 -23px`,variants:[{props:{color:`inherit`},style:{opacity:.3,backgroundImage:`radial-gradient(currentColor 0%, currentColor 16%, transparent 42%)`}},...Object.entries(t.palette).filter(e()).map(([e])=>{let n=Z(t,e);return{props:{color:e},style:{backgroundImage:`radial-gradient(${n} 0%, ${n} 16%, transparent 42%)`}}})]})),te||{animation:`${Y} 3s infinite linear`},t(({theme:e})=>k(e,{animation:`none`})||W)),re=s(`span`,{name:`MuiLinearProgress`,slot:`Bar1`,overridesResolver:(e,t)=>[t.bar,t.bar1]})(t(({theme:t})=>{let n=k(t,{animation:`none`,left:`30%`,right:`auto`,width:`40%`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...D(t,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[{props:{color:`inherit`},style:{backgroundColor:`currentColor`}},...Object.entries(t.palette).filter(e()).map(([e])=>({props:{color:e},style:{backgroundColor:(t.vars||t).palette[e].main}})),{props:{variant:`determinate`},style:{...D(t,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:{variant:`buffer`},style:{zIndex:1,...D(t,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:K||{animation:`${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite`}},...n?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:n}]:[]]}})),ie=s(`span`,{name:`MuiLinearProgress`,slot:`Bar2`,overridesResolver:(e,t)=>[t.bar,t.bar2]})(t(({theme:t})=>{let n=k(t,{animation:`none`,display:`none`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...D(t,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[...Object.entries(t.palette).filter(e()).map(([e])=>({props:{color:e},style:{"--LinearProgressBar2-barColor":(t.vars||t).palette[e].main}})),{props:({ownerState:e})=>e.variant!==`buffer`&&e.color!==`inherit`,style:{backgroundColor:`var(--LinearProgressBar2-barColor, currentColor)`}},{props:({ownerState:e})=>e.variant!==`buffer`&&e.color===`inherit`,style:{backgroundColor:`currentColor`}},{props:{color:`inherit`},style:{opacity:.3}},...Object.entries(t.palette).filter(e()).map(([e])=>({props:{color:e,variant:`buffer`},style:{backgroundColor:Z(t,e),...D(t,`transform`,{duration:`.${U}s`,easing:`linear`})}})),{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:J||{animation:`${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite`}},...n?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:n}]:[]]}})),ae=V.forwardRef(function(e,t){let n=c({props:e,name:`MuiLinearProgress`}),{className:r,color:a=`primary`,max:o,min:s,value:l,valueBuffer:u,variant:d=`indeterminate`,...f}=n,p={...n,color:a,variant:d},m=s??0,h=o??100,g=X(p),v=i(),y={},b={bar1:{},bar2:{}};if((d===`determinate`||d===`buffer`)&&l!==void 0){let e=h-m,t=(l-m)/e*100-100;v&&(t=-t),b.bar1.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`,y[`aria-valuenow`]=l,y[`aria-valuemin`]=m,y[`aria-valuemax`]=h}if(d===`buffer`&&u!==void 0){let e=h-m,t=(u-m)/e*100-100;v&&(t=-t),b.bar2.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`}return(0,H.jsxs)(Q,{className:_(g.root,r),ownerState:p,role:`progressbar`,...y,ref:t,...f,children:[d===`buffer`?(0,H.jsx)(ne,{className:g.dashed,ownerState:p}):null,(0,H.jsx)(re,{className:g.bar1,ownerState:p,style:b.bar1}),d===`determinate`?null:(0,H.jsx)(ie,{className:g.bar2,ownerState:p,style:b.bar2})]})});function oe(e,t,n){let r={limit:50,...e===null?{}:{state:e},...t===null?{}:{cursor:t}};return f(b.GET(`/api/v1/tasks`,{params:{query:r},signal:n}))}function $(e){return f(b.DELETE(`/api/v1/tasks/{task_id}`,{params:{path:{task_id:e}}}))}var se=[`queued`,`running`,`succeeded`,`failed`,`cancelled`],ce=3e3;function le(){let{site:e=``}=m();return(0,H.jsx)(P,{site:e,rail:!1,children:({snapshot:e})=>(0,H.jsx)(ue,{timezone:e.latest.site.timezone})})}function ue({timezone:e}){let[t,n]=(0,V.useState)(null),r=N(ee([`tasks`,t],ce,(e,n)=>oe(t,e,n)));return(0,H.jsxs)(a,{sx:{display:`grid`,gap:2,gridTemplateColumns:`minmax(0, 1fr)`},children:[(0,H.jsx)(R,{title:E(`tasks.title`),text:E(`tasks.text`)}),(0,H.jsxs)(j,{exclusive:!0,value:t??`all`,"aria-label":E(`tasks.state`),onChange:(e,t)=>t!==null&&n(t===`all`?null:t),sx:{flexWrap:`wrap`},children:[(0,H.jsx)(A,{value:`all`,sx:{px:2},children:E(`tasks.all`)}),se.map(e=>(0,H.jsx)(A,{value:e,sx:{px:2},children:E(`task_state.${e}`)},e))]}),(0,H.jsx)(z,{query:r,empty:{title:E(`tasks.none`),text:E(`tasks.none_text`)},children:(t,n)=>(0,H.jsxs)(a,{component:`ul`,"aria-label":E(`tasks.title`),sx:de,children:[t.map(t=>(0,H.jsx)(`li`,{children:(0,H.jsx)(fe,{task:t,timezone:e})},t.id)),n]})})]})}var de={listStyle:`none`,m:0,p:0,display:`grid`,gap:1.5,gridTemplateColumns:`minmax(0, 1fr)`};function fe({task:e,timezone:t}){let i=l(),o=M(n()?.user.role??`viewer`,`operator`),[s,c]=(0,V.useState)(!1),d=p(`task_kind`,e.kind),f=e.state===`queued`||e.state===`running`,m=T({mutationFn:()=>$(e.id),onSuccess:()=>c(!1),onSettled:()=>i.invalidateQueries({queryKey:[`tasks`]})}),h=T({mutationFn:()=>C(`/api/v1/tasks/${e.id}/file`,e.kind)});return(0,H.jsxs)(I,{children:[(0,H.jsxs)(a,{"data-testid":`task`,"data-state":e.state,sx:{display:`flex`,flexWrap:`wrap`,alignItems:`center`,gap:1.5},children:[(0,H.jsxs)(a,{sx:{flex:`1 1 16rem`,minWidth:0},children:[(0,H.jsxs)(r,{sx:{fontWeight:650},children:[d,(0,H.jsxs)(r,{component:`span`,color:`textSecondary`,children:[` `,pe(e.params)]})]}),(0,H.jsxs)(r,{variant:`body2`,color:`textSecondary`,children:[E(`tasks.asked`),`: `,F(Date.parse(e.created_at),t),` · `,e.created_by,e.finished_at!==null&&` · ${F(Date.parse(e.finished_at),t)}`,e.attempts>1&&` · ${E(`tasks.attempts`,{n:e.attempts})}`]})]}),(0,H.jsx)(r,{sx:{fontWeight:600,color:e.state===`failed`?`severity.major`:`text.secondary`},children:f&&e.cancel_requested?E(`tasks.ending`):E(`task_state.${e.state}`)}),e.state===`succeeded`&&typeof e.result?.file==`string`&&(0,H.jsx)(u,{variant:`outlined`,color:h.isError?`error`:`inherit`,disabled:h.isPending,title:h.error?.message,onClick:()=>h.mutate(),children:E(`tasks.file`)}),f&&o&&!e.cancel_requested&&(0,H.jsx)(u,{variant:`outlined`,color:`inherit`,onClick:()=>c(!0),children:E(`tasks.cancel`)})]}),f&&(0,H.jsxs)(a,{sx:{display:`flex`,alignItems:`center`,gap:1.5,mt:1},children:[(0,H.jsx)(ae,{variant:`determinate`,value:e.progress*100,"aria-label":`${E(`tasks.progress`)}: ${d}`,sx:{flex:1,height:`0.5rem`,borderRadius:`0.25rem`}}),(0,H.jsxs)(r,{variant:`body2`,children:[v(e.progress*100,0),` %`]})]}),e.message!==``&&(0,H.jsx)(r,{variant:`body2`,sx:{mt:.5},children:e.message}),e.error!==null&&(0,H.jsx)(r,{variant:`body2`,sx:{mt:.5},children:e.error}),s&&(0,H.jsx)(L,{title:E(`tasks.cancel_title`,{what:d}),text:E(`tasks.cancel_text`),action:E(`tasks.cancel`),pending:m.isPending,error:m.error,onDo:()=>m.mutate(),onClose:()=>c(!1)})]})}function pe(e){return Object.values(e).flatMap(e=>Array.isArray(e)?e:[e]).filter(e=>typeof e==`string`&&e.length<40).slice(0,4).map(e=>String(e).replace(/T\d\d:\d\d.*$/,``)).join(` · `)}export{le as default};