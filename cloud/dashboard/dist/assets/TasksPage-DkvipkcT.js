import{Di as e,Dn as t,Ei as n,F as r,Gr as i,I as a,Ji as o,Qr as s,Si as c,Ui as l,Yi as u,ba as d,bi as f,cn as p,dr as m,ei as h,ga as g,gn as _,ki as v,lr as y,ma as b,na as x,on as S,pa as C,ra as w,sn as T,ta as E,va as D,xn as ee,yn as O}from"./icons-C_pR5Yid.js";import{n as k,t as A}from"./ToggleButtonGroup-C5MJygS-.js";import{A as j,ft as M,k as N,t as P,tt as F}from"./FarmFrame-BE_qdt1x.js";import{t as I}from"./Card-BCOccKeg.js";import{t as L}from"./Confirm-5YTJGEVf.js";import{t as R}from"./PageTitle-C7JtPzEr.js";import{t as z}from"./Pages-DW6AolW4.js";function B(e){return u(`MuiLinearProgress`,e)}o(`MuiLinearProgress`,[`root`,`colorPrimary`,`colorSecondary`,`determinate`,`indeterminate`,`buffer`,`query`,`dashed`,`bar`,`bar1`,`bar2`]);var V=d(D(),1),H=E(),U=4,W={},G=w`
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
`,K=typeof G==`string`?null:x`
        animation: ${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite;
      `,q=w`
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
`,J=typeof q==`string`?null:x`
        animation: ${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite;
      `,Y=w`
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
`,X=typeof Y==`string`?null:x`
        animation: ${Y} 3s infinite linear;
      `,Z=e=>{let{classes:t,variant:n,color:r}=e,i={root:[`root`,`color${C(r)}`,n],dashed:[`dashed`],bar1:[`bar`,`bar1`],bar2:[`bar`,`bar2`,n===`buffer`&&`color${C(r)}`]};return b(i,B,t)},Q=(e,t)=>e.vars?e.vars.palette.LinearProgress[`${t}Bg`]:e.palette.mode===`light`?e.lighten(e.palette[t].main,.62):e.darken(e.palette[t].main,.5),te=v(`span`,{name:`MuiLinearProgress`,slot:`Root`,overridesResolver:(e,t)=>{let{ownerState:n}=e;return[t.root,t[`color${C(n.color)}`],t[n.variant]]}})(e(({theme:e})=>({position:`relative`,overflow:`hidden`,display:`block`,height:4,zIndex:0,"@media print":{colorAdjust:`exact`},variants:[...Object.entries(e.palette).filter(h()).map(([t])=>({props:{color:t},style:{backgroundColor:Q(e,t)}})),{props:({ownerState:e})=>e.color===`inherit`&&e.variant!==`buffer`,style:{"&::before":{content:`""`,position:`absolute`,left:0,top:0,right:0,bottom:0,backgroundColor:`currentColor`,opacity:.3}}},{props:{variant:`buffer`},style:{backgroundColor:`transparent`}},{props:{variant:`query`},style:{transform:`rotate(180deg)`}}]}))),ne=v(`span`,{name:`MuiLinearProgress`,slot:`Dashed`})(e(({theme:e})=>({position:`absolute`,marginTop:0,height:`100%`,width:`100%`,backgroundSize:`10px 10px`,backgroundPosition:`0 -23px`,variants:[{props:{color:`inherit`},style:{opacity:.3,backgroundImage:`radial-gradient(currentColor 0%, currentColor 16%, transparent 42%)`}},...Object.entries(e.palette).filter(h()).map(([t])=>{let n=Q(e,t);return{props:{color:t},style:{backgroundImage:`radial-gradient(${n} 0%, ${n} 16%, transparent 42%)`}}})]})),X||{animation:`${Y} 3s infinite linear`},e(({theme:e})=>f(e,{animation:`none`})||W)),re=v(`span`,{name:`MuiLinearProgress`,slot:`Bar1`,overridesResolver:(e,t)=>[t.bar,t.bar1]})(e(({theme:e})=>{let t=f(e,{animation:`none`,left:`30%`,right:`auto`,width:`40%`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...c(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[{props:{color:`inherit`},style:{backgroundColor:`currentColor`}},...Object.entries(e.palette).filter(h()).map(([t])=>({props:{color:t},style:{backgroundColor:(e.vars||e).palette[t].main}})),{props:{variant:`determinate`},style:{...c(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:{variant:`buffer`},style:{zIndex:1,...c(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:K||{animation:`${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ie=v(`span`,{name:`MuiLinearProgress`,slot:`Bar2`,overridesResolver:(e,t)=>[t.bar,t.bar2]})(e(({theme:e})=>{let t=f(e,{animation:`none`,display:`none`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...c(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[...Object.entries(e.palette).filter(h()).map(([t])=>({props:{color:t},style:{"--LinearProgressBar2-barColor":(e.vars||e).palette[t].main}})),{props:({ownerState:e})=>e.variant!==`buffer`&&e.color!==`inherit`,style:{backgroundColor:`var(--LinearProgressBar2-barColor, currentColor)`}},{props:({ownerState:e})=>e.variant!==`buffer`&&e.color===`inherit`,style:{backgroundColor:`currentColor`}},{props:{color:`inherit`},style:{opacity:.3}},...Object.entries(e.palette).filter(h()).map(([t])=>({props:{color:t,variant:`buffer`},style:{backgroundColor:Q(e,t),...c(e,`transform`,{duration:`.${U}s`,easing:`linear`})}})),{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:J||{animation:`${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ae=V.forwardRef(function(e,t){let r=n({props:e,name:`MuiLinearProgress`}),{className:i,color:a=`primary`,max:o,min:s,value:c,valueBuffer:u,variant:d=`indeterminate`,...f}=r,p={...r,color:a,variant:d},m=s??0,h=o??100,_=Z(p),v=l(),y={},b={bar1:{},bar2:{}};if((d===`determinate`||d===`buffer`)&&c!==void 0){let e=h-m,t=(c-m)/e*100-100;v&&(t=-t),b.bar1.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`,y[`aria-valuenow`]=c,y[`aria-valuemin`]=m,y[`aria-valuemax`]=h}if(d===`buffer`&&u!==void 0){let e=h-m,t=(u-m)/e*100-100;v&&(t=-t),b.bar2.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`}return(0,H.jsxs)(te,{className:g(_.root,i),ownerState:p,role:`progressbar`,...y,ref:t,...f,children:[d===`buffer`?(0,H.jsx)(ne,{className:_.dashed,ownerState:p}):null,(0,H.jsx)(re,{className:_.bar1,ownerState:p,style:b.bar1}),d===`determinate`?null:(0,H.jsx)(ie,{className:_.bar2,ownerState:p,style:b.bar2})]})});function oe(e,t,n){let r={limit:50,...e===null?{}:{state:e},...t===null?{}:{cursor:t}};return S(T.GET(`/api/v1/tasks`,{params:{query:r},signal:n}))}function $(e){return S(T.DELETE(`/api/v1/tasks/{task_id}`,{params:{path:{task_id:e}}}))}var se=[`queued`,`running`,`succeeded`,`failed`,`cancelled`],ce=3e3;function le(){let{site:e=``}=y();return(0,H.jsx)(P,{site:e,rail:!1,children:({snapshot:e})=>(0,H.jsx)(ue,{timezone:e.latest.site.timezone})})}function ue({timezone:e}){let[t,n]=(0,V.useState)(null),r=M(N([`tasks`,t],ce,(e,n)=>oe(t,e,n)));return(0,H.jsxs)(a,{sx:{display:`grid`,gap:2,gridTemplateColumns:`minmax(0, 1fr)`},children:[(0,H.jsx)(R,{title:O(`tasks.title`),text:O(`tasks.text`)}),(0,H.jsxs)(A,{exclusive:!0,value:t??`all`,"aria-label":O(`tasks.state`),onChange:(e,t)=>t!==null&&n(t===`all`?null:t),sx:{maxWidth:`100%`,overflowX:`auto`,justifySelf:`start`,"& > *":{flex:`none`}},children:[(0,H.jsx)(k,{value:`all`,sx:{px:{xs:1,sm:2}},children:O(`tasks.all`)}),se.map(e=>(0,H.jsx)(k,{value:e,sx:{px:{xs:1,sm:2}},children:O(`task_state.${e}`)},e))]}),(0,H.jsx)(z,{query:r,empty:{title:O(`tasks.none`),text:O(`tasks.none_text`)},children:(t,n)=>(0,H.jsxs)(a,{component:`ul`,"aria-label":O(`tasks.title`),sx:de,children:[t.map(t=>(0,H.jsx)(`li`,{children:(0,H.jsx)(fe,{task:t,timezone:e})},t.id)),n]})})]})}var de={listStyle:`none`,m:0,p:0,display:`grid`,gap:1.5,gridTemplateColumns:`minmax(0, 1fr)`};function fe({task:e,timezone:n}){let o=i(),c=j(t()?.user.role??`viewer`,`operator`),[l,u]=(0,V.useState)(!1),d=ee(`task_kind`,e.kind),f=e.state===`queued`||e.state===`running`,h=m({mutationFn:()=>$(e.id),onSuccess:()=>u(!1),onSettled:()=>o.invalidateQueries({queryKey:[`tasks`]})}),g=m({mutationFn:()=>p(`/api/v1/tasks/${e.id}/file`,e.kind)});return(0,H.jsxs)(I,{children:[(0,H.jsxs)(a,{"data-testid":`task`,"data-state":e.state,sx:{display:`flex`,flexWrap:`wrap`,alignItems:`center`,gap:1.5},children:[(0,H.jsxs)(a,{sx:{flex:`1 1 16rem`,minWidth:0},children:[(0,H.jsxs)(r,{sx:{fontWeight:650},children:[d,(0,H.jsxs)(r,{component:`span`,color:`textSecondary`,children:[` `,pe(e.params)]})]}),(0,H.jsxs)(r,{variant:`body2`,color:`textSecondary`,children:[O(`tasks.asked`),`: `,F(Date.parse(e.created_at),n),` · `,e.created_by,e.finished_at!==null&&` · ${F(Date.parse(e.finished_at),n)}`,e.attempts>1&&` · ${O(`tasks.attempts`,{n:e.attempts})}`]})]}),(0,H.jsx)(r,{sx:{fontWeight:600,color:e.state===`failed`?`severity.major`:`text.secondary`},children:f&&e.cancel_requested?O(`tasks.ending`):O(`task_state.${e.state}`)}),e.state===`succeeded`&&typeof e.result?.file==`string`&&(0,H.jsx)(s,{variant:`outlined`,color:g.isError?`error`:`inherit`,disabled:g.isPending,title:g.error?.message,onClick:()=>g.mutate(),children:O(`tasks.file`)}),f&&c&&!e.cancel_requested&&(0,H.jsx)(s,{variant:`outlined`,color:`inherit`,onClick:()=>u(!0),children:O(`tasks.cancel`)})]}),f&&(0,H.jsxs)(a,{sx:{display:`flex`,alignItems:`center`,gap:1.5,mt:1},children:[(0,H.jsx)(ae,{variant:`determinate`,value:e.progress*100,"aria-label":`${O(`tasks.progress`)}: ${d}`,sx:{flex:1,height:`0.5rem`,borderRadius:`0.25rem`}}),(0,H.jsxs)(r,{variant:`body2`,children:[_(e.progress*100,0),` %`]})]}),e.message!==``&&(0,H.jsx)(r,{variant:`body2`,sx:{mt:.5},children:e.message}),e.error!==null&&(0,H.jsx)(r,{variant:`body2`,sx:{mt:.5},children:e.error}),l&&(0,H.jsx)(L,{title:O(`tasks.cancel_title`,{what:d}),text:O(`tasks.cancel_text`),action:O(`tasks.cancel`),pending:h.isPending,error:h.error,onDo:()=>h.mutate(),onClose:()=>u(!1)})]})}function pe(e){return Object.values(e).flatMap(e=>Array.isArray(e)?e:[e]).filter(e=>typeof e==`string`&&e.length<40).slice(0,4).map(e=>String(e).replace(/T\d\d:\d\d.*$/,``)).join(` · `)}export{le as default};