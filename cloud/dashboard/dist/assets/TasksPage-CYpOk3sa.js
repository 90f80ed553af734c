import{n as e}from"./rolldown-runtime-WkwZ5CU-.js";import{$ as t,Dt as n,Ft as r,It as i,J as a,K as o,Lt as s,Ot as c,Rt as l,Z as u,b as d,cn as f,fn as p,hn as m,ln as h,m as g,mn as _,p as v,pn as y,pt as b,rn as x,tn as S,un as C}from"./libraries-BJ7Aomix.js";import{H as w,at as T,bt as E,it as D,mt as O,st as k,yt as A}from"./first-Ddyfq2Oe.js";import{t as j}from"./Card-DYFB5orY.js";import{t as ee}from"./Confirm-Cq6or39S.js";import{t as M}from"./PageTitle-DEn3qZtZ.js";import{_n as N,nt as P,v as F}from"./main-DxwfPTSv.js";import{t as I}from"./Pages-BWzISduL.js";import{t as L}from"./Segments-0ouYq8L6.js";function R(e){return h(`MuiLinearProgress`,e)}f(`MuiLinearProgress`,[`root`,`colorPrimary`,`colorSecondary`,`determinate`,`indeterminate`,`buffer`,`query`,`dashed`,`bar`,`bar1`,`bar2`]);var z=e(m(),1),B=p(),V=4,H={},U=_`
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
`,W=typeof U==`string`?null:y`
        animation: ${U} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite;
      `,G=_`
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
`,K=typeof G==`string`?null:y`
        animation: ${G} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite;
      `,q=_`
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
`,te=typeof q==`string`?null:y`
        animation: ${q} 3s infinite linear;
      `,J=e=>{let{classes:t,variant:n,color:i}=e,a={root:[`root`,`color${r(i)}`,n],dashed:[`dashed`],bar1:[`bar`,`bar1`],bar2:[`bar`,`bar2`,n===`buffer`&&`color${r(i)}`]};return S(a,R,t)},Y=(e,t)=>e.vars?e.vars.palette.LinearProgress[`${t}Bg`]:e.palette.mode===`light`?e.lighten(e.palette[t].main,.62):e.darken(e.palette[t].main,.5),X=l(`span`,{name:`MuiLinearProgress`,slot:`Root`,overridesResolver:(e,t)=>{let{ownerState:n}=e;return[t.root,t[`color${r(n.color)}`],t[n.variant]]}})(s(({theme:e})=>({position:`relative`,overflow:`hidden`,display:`block`,height:4,zIndex:0,"@media print":{colorAdjust:`exact`},variants:[...Object.entries(e.palette).filter(t()).map(([t])=>({props:{color:t},style:{backgroundColor:Y(e,t)}})),{props:({ownerState:e})=>e.color===`inherit`&&e.variant!==`buffer`,style:{"&::before":{content:`""`,position:`absolute`,left:0,top:0,right:0,bottom:0,backgroundColor:`currentColor`,opacity:.3}}},{props:{variant:`buffer`},style:{backgroundColor:`transparent`}},{props:{variant:`query`},style:{transform:`rotate(180deg)`}}]}))),Z=l(`span`,{name:`MuiLinearProgress`,slot:`Dashed`})(s(({theme:e})=>({position:`absolute`,marginTop:0,height:`100%`,width:`100%`,backgroundSize:`10px 10px`,backgroundPosition:`0 -23px`,variants:[{props:{color:`inherit`},style:{opacity:.3,backgroundImage:`radial-gradient(currentColor 0%, currentColor 16%, transparent 42%)`}},...Object.entries(e.palette).filter(t()).map(([t])=>{let n=Y(e,t);return{props:{color:t},style:{backgroundImage:`radial-gradient(${n} 0%, ${n} 16%, transparent 42%)`}}})]})),te||{animation:`${q} 3s infinite linear`},s(({theme:e})=>n(e,{animation:`none`})||H)),Q=l(`span`,{name:`MuiLinearProgress`,slot:`Bar1`,overridesResolver:(e,t)=>[t.bar,t.bar1]})(s(({theme:e})=>{let r=n(e,{animation:`none`,left:`30%`,right:`auto`,width:`40%`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...c(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[{props:{color:`inherit`},style:{backgroundColor:`currentColor`}},...Object.entries(e.palette).filter(t()).map(([t])=>({props:{color:t},style:{backgroundColor:(e.vars||e).palette[t].main}})),{props:{variant:`determinate`},style:{...c(e,`transform`,{duration:`.${V}s`,easing:`linear`})}},{props:{variant:`buffer`},style:{zIndex:1,...c(e,`transform`,{duration:`.${V}s`,easing:`linear`})}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:W||{animation:`${U} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite`}},...r?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:r}]:[]]}})),ne=l(`span`,{name:`MuiLinearProgress`,slot:`Bar2`,overridesResolver:(e,t)=>[t.bar,t.bar2]})(s(({theme:e})=>{let r=n(e,{animation:`none`,display:`none`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...c(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[...Object.entries(e.palette).filter(t()).map(([t])=>({props:{color:t},style:{"--LinearProgressBar2-barColor":(e.vars||e).palette[t].main}})),{props:({ownerState:e})=>e.variant!==`buffer`&&e.color!==`inherit`,style:{backgroundColor:`var(--LinearProgressBar2-barColor, currentColor)`}},{props:({ownerState:e})=>e.variant!==`buffer`&&e.color===`inherit`,style:{backgroundColor:`currentColor`}},{props:{color:`inherit`},style:{opacity:.3}},...Object.entries(e.palette).filter(t()).map(([t])=>({props:{color:t,variant:`buffer`},style:{backgroundColor:Y(e,t),...c(e,`transform`,{duration:`.${V}s`,easing:`linear`})}})),{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:K||{animation:`${G} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite`}},...r?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:r}]:[]]}})),re=z.forwardRef(function(e,t){let n=i({props:e,name:`MuiLinearProgress`}),{className:r,color:a=`primary`,max:o,min:s,value:c,valueBuffer:l,variant:u=`indeterminate`,...d}=n,f={...n,color:a,variant:u},p=s??0,m=o??100,h=J(f),g=x(),_={},v={bar1:{},bar2:{}};if((u===`determinate`||u===`buffer`)&&c!==void 0){let e=m-p,t=(c-p)/e*100-100;g&&(t=-t),v.bar1.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`,_[`aria-valuenow`]=c,_[`aria-valuemin`]=p,_[`aria-valuemax`]=m}if(u===`buffer`&&l!==void 0){let e=m-p,t=(l-p)/e*100-100;g&&(t=-t),v.bar2.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`}return(0,B.jsxs)(X,{className:C(h.root,r),ownerState:f,role:`progressbar`,..._,ref:t,...d,children:[u===`buffer`?(0,B.jsx)(Z,{className:h.dashed,ownerState:f}):null,(0,B.jsx)(Q,{className:h.bar1,ownerState:f,style:v.bar1}),u===`determinate`?null:(0,B.jsx)(ne,{className:h.bar2,ownerState:f,style:v.bar2})]})});function ie(e,t,n){let r={limit:50,...e===null?{}:{state:e},...t===null?{}:{cursor:t}};return D(T.GET(`/api/v1/tasks`,{params:{query:r},signal:n}))}function ae(e){return D(T.DELETE(`/api/v1/tasks/{task_id}`,{params:{path:{task_id:e}}}))}var oe=[`queued`,`running`,`succeeded`,`failed`,`cancelled`],$=3e3;function se(){let{site:e=``}=o();return(0,B.jsx)(F,{site:e,rail:!1,children:({snapshot:e})=>(0,B.jsx)(ce,{timezone:e.latest.site.timezone})})}function ce({timezone:e}){let[t,n]=(0,z.useState)(null),r=v(P([`tasks`,t],$,(e,n)=>ie(t,e,n)));return(0,B.jsxs)(b,{sx:{display:`grid`,gap:2,gridTemplateColumns:`minmax(0, 1fr)`},children:[(0,B.jsx)(M,{title:A(`tasks.title`),text:A(`tasks.text`)}),(0,B.jsx)(L,{label:A(`tasks.state`),value:t??`all`,options:[[`all`,A(`tasks.all`)],...oe.map(e=>[e,A(`task_state.${e}`)])],onChange:e=>n(e===`all`?null:e),sx:{maxWidth:`100%`,overflowX:`auto`,justifySelf:`start`,"& > *":{flex:`none`}}}),(0,B.jsx)(I,{query:r,empty:{title:A(`tasks.none`),text:A(`tasks.none_text`)},children:(t,n)=>(0,B.jsxs)(b,{component:`ul`,"aria-label":A(`tasks.title`),sx:le,children:[t.map(t=>(0,B.jsx)(`li`,{children:(0,B.jsx)(ue,{task:t,timezone:e})},t.id)),n]})})]})}var le={listStyle:`none`,m:0,p:0,display:`grid`,gap:1.5,gridTemplateColumns:`minmax(0, 1fr)`};function ue({task:e,timezone:t}){let n=d(),r=N(`operator`),[i,o]=(0,z.useState)(!1),s=E(`task_kind`,e.kind),c=e.state===`queued`||e.state===`running`,l=g({mutationFn:()=>ae(e.id),onSuccess:()=>o(!1),onSettled:()=>n.invalidateQueries({queryKey:[`tasks`]})}),f=g({mutationFn:()=>k(`/api/v1/tasks/${e.id}/file`,e.kind)});return(0,B.jsxs)(j,{children:[(0,B.jsxs)(b,{"data-testid":`task`,"data-state":e.state,sx:{display:`flex`,flexWrap:`wrap`,alignItems:`center`,gap:1.5},children:[(0,B.jsxs)(b,{sx:{flex:`1 1 16rem`,minWidth:0},children:[(0,B.jsxs)(a,{sx:{fontWeight:650},children:[s,(0,B.jsxs)(a,{component:`span`,color:`textSecondary`,children:[` `,de(e.params)]})]}),(0,B.jsxs)(a,{variant:`body2`,color:`textSecondary`,children:[A(`tasks.asked`),`: `,w(Date.parse(e.created_at),t),` · `,e.created_by,e.finished_at!==null&&` · ${w(Date.parse(e.finished_at),t)}`,e.attempts>1&&` · ${A(`tasks.attempts`,{n:e.attempts})}`]})]}),(0,B.jsx)(a,{sx:{fontWeight:600,color:e.state===`failed`?`severity.major`:`text.secondary`},children:c&&e.cancel_requested?A(`tasks.ending`):A(`task_state.${e.state}`)}),e.state===`succeeded`&&typeof e.result?.file==`string`&&(0,B.jsx)(u,{variant:`outlined`,color:f.isError?`error`:`inherit`,disabled:f.isPending,title:f.error?.message,onClick:()=>f.mutate(),children:A(`tasks.file`)}),c&&r&&!e.cancel_requested&&(0,B.jsx)(u,{variant:`outlined`,color:`inherit`,onClick:()=>o(!0),children:A(`tasks.cancel`)})]}),c&&(0,B.jsxs)(b,{sx:{display:`flex`,alignItems:`center`,gap:1.5,mt:1},children:[(0,B.jsx)(re,{variant:`determinate`,value:e.progress*100,"aria-label":`${A(`tasks.progress`)}: ${s}`,sx:{flex:1,height:`0.5rem`,borderRadius:`0.25rem`}}),(0,B.jsxs)(a,{variant:`body2`,children:[O(e.progress*100,0),` %`]})]}),e.message!==``&&(0,B.jsx)(a,{variant:`body2`,sx:{mt:.5},children:e.message}),e.error!==null&&(0,B.jsx)(a,{variant:`body2`,sx:{mt:.5},children:e.error}),i&&(0,B.jsx)(ee,{title:A(`tasks.cancel_title`,{what:s}),text:A(`tasks.cancel_text`),action:A(`tasks.cancel`),pending:l.isPending,error:l.error,onDo:()=>l.mutate(),onClose:()=>o(!1)})]})}function de(e){return Object.values(e).flatMap(e=>Array.isArray(e)?e:[e]).filter(e=>typeof e==`string`&&e.length<40).slice(0,4).map(e=>String(e).replace(/T\d\d:\d\d.*$/,``)).join(` · `)}export{se as default};