import{$t as e,Bi as t,F as n,Fi as r,I as i,Ji as a,Kr as o,Lr as s,Qt as c,Vi as l,Wr as u,Yi as d,aa as f,ca as p,cn as m,dn as h,en as g,fa as _,fi as v,mi as y,oa as b,pn as x,qi as S,rr as C,tr as w,ua as T,vi as E,xi as D,yi as O,yn as k}from"./icons-B1vySsNH.js";import{n as A,t as j}from"./ToggleButtonGroup-Bqh4qvEv.js";import{A as ee,dt as M,k as N,t as P,tt as F}from"./FarmFrame-_UW2wbjq.js";import{t as I}from"./Card-BbXot4t2.js";import{t as L}from"./Confirm-DNaYo3x5.js";import{t as R}from"./PageTitle-BTc-UJiX.js";import{t as z}from"./Pages-Di4I8ETF.js";function B(e){return l(`MuiLinearProgress`,e)}t(`MuiLinearProgress`,[`root`,`colorPrimary`,`colorSecondary`,`determinate`,`indeterminate`,`buffer`,`query`,`dashed`,`bar`,`bar1`,`bar2`]);var V=_(T(),1),H=S(),U=4,W={},G=d`
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
`,K=typeof G==`string`?null:a`
        animation: ${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite;
      `,q=d`
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
`,te=typeof q==`string`?null:a`
        animation: ${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite;
      `,J=d`
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
`,Y=typeof J==`string`?null:a`
        animation: ${J} 3s infinite linear;
      `,X=e=>{let{classes:t,variant:n,color:r}=e,i={root:[`root`,`color${f(r)}`,n],dashed:[`dashed`],bar1:[`bar`,`bar1`],bar2:[`bar`,`bar2`,n===`buffer`&&`color${f(r)}`]};return b(i,B,t)},Z=(e,t)=>e.vars?e.vars.palette.LinearProgress[`${t}Bg`]:e.palette.mode===`light`?e.lighten(e.palette[t].main,.62):e.darken(e.palette[t].main,.5),Q=D(`span`,{name:`MuiLinearProgress`,slot:`Root`,overridesResolver:(e,t)=>{let{ownerState:n}=e;return[t.root,t[`color${f(n.color)}`],t[n.variant]]}})(O(({theme:e})=>({position:`relative`,overflow:`hidden`,display:`block`,height:4,zIndex:0,"@media print":{colorAdjust:`exact`},variants:[...Object.entries(e.palette).filter(o()).map(([t])=>({props:{color:t},style:{backgroundColor:Z(e,t)}})),{props:({ownerState:e})=>e.color===`inherit`&&e.variant!==`buffer`,style:{"&::before":{content:`""`,position:`absolute`,left:0,top:0,right:0,bottom:0,backgroundColor:`currentColor`,opacity:.3}}},{props:{variant:`buffer`},style:{backgroundColor:`transparent`}},{props:{variant:`query`},style:{transform:`rotate(180deg)`}}]}))),ne=D(`span`,{name:`MuiLinearProgress`,slot:`Dashed`})(O(({theme:e})=>({position:`absolute`,marginTop:0,height:`100%`,width:`100%`,backgroundSize:`10px 10px`,backgroundPosition:`0 -23px`,variants:[{props:{color:`inherit`},style:{opacity:.3,backgroundImage:`radial-gradient(currentColor 0%, currentColor 16%, transparent 42%)`}},...Object.entries(e.palette).filter(o()).map(([t])=>{let n=Z(e,t);return{props:{color:t},style:{backgroundImage:`radial-gradient(${n} 0%, ${n} 16%, transparent 42%)`}}})]})),Y||{animation:`${J} 3s infinite linear`},O(({theme:e})=>v(e,{animation:`none`})||W)),re=D(`span`,{name:`MuiLinearProgress`,slot:`Bar1`,overridesResolver:(e,t)=>[t.bar,t.bar1]})(O(({theme:e})=>{let t=v(e,{animation:`none`,left:`30%`,right:`auto`,width:`40%`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...y(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[{props:{color:`inherit`},style:{backgroundColor:`currentColor`}},...Object.entries(e.palette).filter(o()).map(([t])=>({props:{color:t},style:{backgroundColor:(e.vars||e).palette[t].main}})),{props:{variant:`determinate`},style:{...y(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:{variant:`buffer`},style:{zIndex:1,...y(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:K||{animation:`${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ie=D(`span`,{name:`MuiLinearProgress`,slot:`Bar2`,overridesResolver:(e,t)=>[t.bar,t.bar2]})(O(({theme:e})=>{let t=v(e,{animation:`none`,display:`none`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...y(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[...Object.entries(e.palette).filter(o()).map(([t])=>({props:{color:t},style:{"--LinearProgressBar2-barColor":(e.vars||e).palette[t].main}})),{props:({ownerState:e})=>e.variant!==`buffer`&&e.color!==`inherit`,style:{backgroundColor:`var(--LinearProgressBar2-barColor, currentColor)`}},{props:({ownerState:e})=>e.variant!==`buffer`&&e.color===`inherit`,style:{backgroundColor:`currentColor`}},{props:{color:`inherit`},style:{opacity:.3}},...Object.entries(e.palette).filter(o()).map(([t])=>({props:{color:t,variant:`buffer`},style:{backgroundColor:Z(e,t),...y(e,`transform`,{duration:`.${U}s`,easing:`linear`})}})),{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:te||{animation:`${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ae=V.forwardRef(function(e,t){let n=E({props:e,name:`MuiLinearProgress`}),{className:i,color:a=`primary`,max:o,min:s,value:c,valueBuffer:l,variant:u=`indeterminate`,...d}=n,f={...n,color:a,variant:u},m=s??0,h=o??100,g=X(f),_=r(),v={},y={bar1:{},bar2:{}};if((u===`determinate`||u===`buffer`)&&c!==void 0){let e=h-m,t=(c-m)/e*100-100;_&&(t=-t),y.bar1.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`,v[`aria-valuenow`]=c,v[`aria-valuemin`]=m,v[`aria-valuemax`]=h}if(u===`buffer`&&l!==void 0){let e=h-m,t=(l-m)/e*100-100;_&&(t=-t),y.bar2.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`}return(0,H.jsxs)(Q,{className:p(g.root,i),ownerState:f,role:`progressbar`,...v,ref:t,...d,children:[u===`buffer`?(0,H.jsx)(ne,{className:g.dashed,ownerState:f}):null,(0,H.jsx)(re,{className:g.bar1,ownerState:f,style:y.bar1}),u===`determinate`?null:(0,H.jsx)(ie,{className:g.bar2,ownerState:f,style:y.bar2})]})});function oe(t,n,r){let i={limit:50,...t===null?{}:{state:t},...n===null?{}:{cursor:n}};return c(e.GET(`/api/v1/tasks`,{params:{query:i},signal:r}))}function $(t){return c(e.DELETE(`/api/v1/tasks/{task_id}`,{params:{path:{task_id:t}}}))}var se=[`queued`,`running`,`succeeded`,`failed`,`cancelled`],ce=3e3;function le(){let{site:e=``}=w();return(0,H.jsx)(P,{site:e,rail:!1,children:({snapshot:e})=>(0,H.jsx)(ue,{timezone:e.latest.site.timezone})})}function ue({timezone:e}){let[t,n]=(0,V.useState)(null),r=M(N([`tasks`,t],ce,(e,n)=>oe(t,e,n)));return(0,H.jsxs)(i,{sx:{display:`grid`,gap:2,gridTemplateColumns:`minmax(0, 1fr)`},children:[(0,H.jsx)(R,{title:h(`tasks.title`),text:h(`tasks.text`)}),(0,H.jsxs)(j,{exclusive:!0,value:t??`all`,"aria-label":h(`tasks.state`),onChange:(e,t)=>t!==null&&n(t===`all`?null:t),sx:{flexWrap:`wrap`},children:[(0,H.jsx)(A,{value:`all`,sx:{px:2},children:h(`tasks.all`)}),se.map(e=>(0,H.jsx)(A,{value:e,sx:{px:2},children:h(`task_state.${e}`)},e))]}),(0,H.jsx)(z,{query:r,empty:{title:h(`tasks.none`),text:h(`tasks.none_text`)},children:(t,n)=>(0,H.jsxs)(i,{component:`ul`,"aria-label":h(`tasks.title`),sx:de,children:[t.map(t=>(0,H.jsx)(`li`,{children:(0,H.jsx)(fe,{task:t,timezone:e})},t.id)),n]})})]})}var de={listStyle:`none`,m:0,p:0,display:`grid`,gap:1.5,gridTemplateColumns:`minmax(0, 1fr)`};function fe({task:e,timezone:t}){let r=s(),a=ee(k()?.user.role??`viewer`,`operator`),[o,c]=(0,V.useState)(!1),l=x(`task_kind`,e.kind),d=e.state===`queued`||e.state===`running`,f=C({mutationFn:()=>$(e.id),onSuccess:()=>c(!1),onSettled:()=>r.invalidateQueries({queryKey:[`tasks`]})}),p=C({mutationFn:()=>g(`/api/v1/tasks/${e.id}/file`,e.kind)});return(0,H.jsxs)(I,{children:[(0,H.jsxs)(i,{"data-testid":`task`,"data-state":e.state,sx:{display:`flex`,flexWrap:`wrap`,alignItems:`center`,gap:1.5},children:[(0,H.jsxs)(i,{sx:{flex:`1 1 16rem`,minWidth:0},children:[(0,H.jsxs)(n,{sx:{fontWeight:650},children:[l,(0,H.jsxs)(n,{component:`span`,color:`textSecondary`,children:[` `,pe(e.params)]})]}),(0,H.jsxs)(n,{variant:`body2`,color:`textSecondary`,children:[h(`tasks.asked`),`: `,F(Date.parse(e.created_at),t),` · `,e.created_by,e.finished_at!==null&&` · ${F(Date.parse(e.finished_at),t)}`,e.attempts>1&&` · ${h(`tasks.attempts`,{n:e.attempts})}`]})]}),(0,H.jsx)(n,{sx:{fontWeight:600,color:e.state===`failed`?`severity.major`:`text.secondary`},children:d&&e.cancel_requested?h(`tasks.ending`):h(`task_state.${e.state}`)}),e.state===`succeeded`&&typeof e.result?.file==`string`&&(0,H.jsx)(u,{variant:`outlined`,color:p.isError?`error`:`inherit`,disabled:p.isPending,title:p.error?.message,onClick:()=>p.mutate(),children:h(`tasks.file`)}),d&&a&&!e.cancel_requested&&(0,H.jsx)(u,{variant:`outlined`,color:`inherit`,onClick:()=>c(!0),children:h(`tasks.cancel`)})]}),d&&(0,H.jsxs)(i,{sx:{display:`flex`,alignItems:`center`,gap:1.5,mt:1},children:[(0,H.jsx)(ae,{variant:`determinate`,value:e.progress*100,"aria-label":`${h(`tasks.progress`)}: ${l}`,sx:{flex:1,height:`0.5rem`,borderRadius:`0.25rem`}}),(0,H.jsxs)(n,{variant:`body2`,children:[m(e.progress*100,0),` %`]})]}),e.message!==``&&(0,H.jsx)(n,{variant:`body2`,sx:{mt:.5},children:e.message}),e.error!==null&&(0,H.jsx)(n,{variant:`body2`,sx:{mt:.5},children:e.error}),o&&(0,H.jsx)(L,{title:h(`tasks.cancel_title`,{what:l}),text:h(`tasks.cancel_text`),action:h(`tasks.cancel`),pending:f.isPending,error:f.error,onDo:()=>f.mutate(),onClose:()=>c(!1)})]})}function pe(e){return Object.values(e).flatMap(e=>Array.isArray(e)?e:[e]).filter(e=>typeof e==`string`&&e.length<40).slice(0,4).map(e=>String(e).replace(/T\d\d:\d\d.*$/,``)).join(` · `)}export{le as default};