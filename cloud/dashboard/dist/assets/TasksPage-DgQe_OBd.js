import{$r as e,Ai as t,Ci as n,Di as r,F as i,I as a,Kr as o,Oi as s,On as c,Sn as l,Wi as u,Xi as d,Yi as f,_a as p,_n as m,bn as h,cn as g,fr as _,ha as v,ia as y,ln as b,ma as x,na as S,ra as C,sn as w,ti as T,ur as E,xa as D,xi as O,ya as k}from"./icons-D-_C97Oa.js";import{n as A,t as j}from"./ToggleButtonGroup-Ci278mzG.js";import{I as M,L as N,ct as P,t as ee,yt as F}from"./FarmFrame-B8bq4Yr1.js";import{t as I}from"./Card-D4-q-3jD.js";import{t as L}from"./Confirm-BczzUJNw.js";import{t as R}from"./PageTitle-DVv4I-6Q.js";import{t as z}from"./Pages-C_s9F_qi.js";function B(e){return d(`MuiLinearProgress`,e)}f(`MuiLinearProgress`,[`root`,`colorPrimary`,`colorSecondary`,`determinate`,`indeterminate`,`buffer`,`query`,`dashed`,`bar`,`bar1`,`bar2`]);var V=D(k(),1),H=S(),U=4,W={},G=y`
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
`,K=typeof G==`string`?null:C`
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
`,J=typeof q==`string`?null:C`
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
`,X=typeof Y==`string`?null:C`
        animation: ${Y} 3s infinite linear;
      `,Z=e=>{let{classes:t,variant:n,color:r}=e,i={root:[`root`,`color${x(r)}`,n],dashed:[`dashed`],bar1:[`bar`,`bar1`],bar2:[`bar`,`bar2`,n===`buffer`&&`color${x(r)}`]};return v(i,B,t)},Q=(e,t)=>e.vars?e.vars.palette.LinearProgress[`${t}Bg`]:e.palette.mode===`light`?e.lighten(e.palette[t].main,.62):e.darken(e.palette[t].main,.5),te=t(`span`,{name:`MuiLinearProgress`,slot:`Root`,overridesResolver:(e,t)=>{let{ownerState:n}=e;return[t.root,t[`color${x(n.color)}`],t[n.variant]]}})(s(({theme:e})=>({position:`relative`,overflow:`hidden`,display:`block`,height:4,zIndex:0,"@media print":{colorAdjust:`exact`},variants:[...Object.entries(e.palette).filter(T()).map(([t])=>({props:{color:t},style:{backgroundColor:Q(e,t)}})),{props:({ownerState:e})=>e.color===`inherit`&&e.variant!==`buffer`,style:{"&::before":{content:`""`,position:`absolute`,left:0,top:0,right:0,bottom:0,backgroundColor:`currentColor`,opacity:.3}}},{props:{variant:`buffer`},style:{backgroundColor:`transparent`}},{props:{variant:`query`},style:{transform:`rotate(180deg)`}}]}))),ne=t(`span`,{name:`MuiLinearProgress`,slot:`Dashed`})(s(({theme:e})=>({position:`absolute`,marginTop:0,height:`100%`,width:`100%`,backgroundSize:`10px 10px`,backgroundPosition:`0 -23px`,variants:[{props:{color:`inherit`},style:{opacity:.3,backgroundImage:`radial-gradient(currentColor 0%, currentColor 16%, transparent 42%)`}},...Object.entries(e.palette).filter(T()).map(([t])=>{let n=Q(e,t);return{props:{color:t},style:{backgroundImage:`radial-gradient(${n} 0%, ${n} 16%, transparent 42%)`}}})]})),X||{animation:`${Y} 3s infinite linear`},s(({theme:e})=>O(e,{animation:`none`})||W)),re=t(`span`,{name:`MuiLinearProgress`,slot:`Bar1`,overridesResolver:(e,t)=>[t.bar,t.bar1]})(s(({theme:e})=>{let t=O(e,{animation:`none`,left:`30%`,right:`auto`,width:`40%`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...n(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[{props:{color:`inherit`},style:{backgroundColor:`currentColor`}},...Object.entries(e.palette).filter(T()).map(([t])=>({props:{color:t},style:{backgroundColor:(e.vars||e).palette[t].main}})),{props:{variant:`determinate`},style:{...n(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:{variant:`buffer`},style:{zIndex:1,...n(e,`transform`,{duration:`.${U}s`,easing:`linear`})}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:K||{animation:`${G} 2.1s cubic-bezier(0.65, 0.815, 0.735, 0.395) infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ie=t(`span`,{name:`MuiLinearProgress`,slot:`Bar2`,overridesResolver:(e,t)=>[t.bar,t.bar2]})(s(({theme:e})=>{let t=O(e,{animation:`none`,display:`none`});return{width:`100%`,position:`absolute`,left:0,bottom:0,top:0,...n(e,`transform`,{duration:`0.2s`,easing:`linear`}),transformOrigin:`left`,variants:[...Object.entries(e.palette).filter(T()).map(([t])=>({props:{color:t},style:{"--LinearProgressBar2-barColor":(e.vars||e).palette[t].main}})),{props:({ownerState:e})=>e.variant!==`buffer`&&e.color!==`inherit`,style:{backgroundColor:`var(--LinearProgressBar2-barColor, currentColor)`}},{props:({ownerState:e})=>e.variant!==`buffer`&&e.color===`inherit`,style:{backgroundColor:`currentColor`}},{props:{color:`inherit`},style:{opacity:.3}},...Object.entries(e.palette).filter(T()).map(([t])=>({props:{color:t,variant:`buffer`},style:{backgroundColor:Q(e,t),...n(e,`transform`,{duration:`.${U}s`,easing:`linear`})}})),{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:{width:`auto`}},{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:J||{animation:`${q} 2.1s cubic-bezier(0.165, 0.84, 0.44, 1) 1.15s infinite`}},...t?[{props:({ownerState:e})=>e.variant===`indeterminate`||e.variant===`query`,style:t}]:[]]}})),ae=V.forwardRef(function(e,t){let n=r({props:e,name:`MuiLinearProgress`}),{className:i,color:a=`primary`,max:o,min:s,value:c,valueBuffer:l,variant:d=`indeterminate`,...f}=n,m={...n,color:a,variant:d},h=s??0,g=o??100,_=Z(m),v=u(),y={},b={bar1:{},bar2:{}};if((d===`determinate`||d===`buffer`)&&c!==void 0){let e=g-h,t=(c-h)/e*100-100;v&&(t=-t),b.bar1.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`,y[`aria-valuenow`]=c,y[`aria-valuemin`]=h,y[`aria-valuemax`]=g}if(d===`buffer`&&l!==void 0){let e=g-h,t=(l-h)/e*100-100;v&&(t=-t),b.bar2.transform=e>0?`translateX(${t}%)`:`translateX(-100%)`}return(0,H.jsxs)(te,{className:p(_.root,i),ownerState:m,role:`progressbar`,...y,ref:t,...f,children:[d===`buffer`?(0,H.jsx)(ne,{className:_.dashed,ownerState:m}):null,(0,H.jsx)(re,{className:_.bar1,ownerState:m,style:b.bar1}),d===`determinate`?null:(0,H.jsx)(ie,{className:_.bar2,ownerState:m,style:b.bar2})]})});function oe(e,t,n){let r={limit:50,...e===null?{}:{state:e},...t===null?{}:{cursor:t}};return w(g.GET(`/api/v1/tasks`,{params:{query:r},signal:n}))}function $(e){return w(g.DELETE(`/api/v1/tasks/{task_id}`,{params:{path:{task_id:e}}}))}var se=[`queued`,`running`,`succeeded`,`failed`,`cancelled`],ce=3e3;function le(){let{site:e=``}=E();return(0,H.jsx)(ee,{site:e,rail:!1,children:({snapshot:e})=>(0,H.jsx)(ue,{timezone:e.latest.site.timezone})})}function ue({timezone:e}){let[t,n]=(0,V.useState)(null),r=F(M([`tasks`,t],ce,(e,n)=>oe(t,e,n)));return(0,H.jsxs)(a,{sx:{display:`grid`,gap:2,gridTemplateColumns:`minmax(0, 1fr)`},children:[(0,H.jsx)(R,{title:h(`tasks.title`),text:h(`tasks.text`)}),(0,H.jsxs)(j,{exclusive:!0,value:t??`all`,"aria-label":h(`tasks.state`),onChange:(e,t)=>t!==null&&n(t===`all`?null:t),sx:{maxWidth:`100%`,overflowX:`auto`,justifySelf:`start`,"& > *":{flex:`none`}},children:[(0,H.jsx)(A,{value:`all`,sx:{px:{xs:1,sm:2}},children:h(`tasks.all`)}),se.map(e=>(0,H.jsx)(A,{value:e,sx:{px:{xs:1,sm:2}},children:h(`task_state.${e}`)},e))]}),(0,H.jsx)(z,{query:r,empty:{title:h(`tasks.none`),text:h(`tasks.none_text`)},children:(t,n)=>(0,H.jsxs)(a,{component:`ul`,"aria-label":h(`tasks.title`),sx:de,children:[t.map(t=>(0,H.jsx)(`li`,{children:(0,H.jsx)(fe,{task:t,timezone:e})},t.id)),n]})})]})}var de={listStyle:`none`,m:0,p:0,display:`grid`,gap:1.5,gridTemplateColumns:`minmax(0, 1fr)`};function fe({task:t,timezone:n}){let r=o(),s=N(c()?.user.role??`viewer`,`operator`),[u,d]=(0,V.useState)(!1),f=l(`task_kind`,t.kind),p=t.state===`queued`||t.state===`running`,g=_({mutationFn:()=>$(t.id),onSuccess:()=>d(!1),onSettled:()=>r.invalidateQueries({queryKey:[`tasks`]})}),v=_({mutationFn:()=>b(`/api/v1/tasks/${t.id}/file`,t.kind)});return(0,H.jsxs)(I,{children:[(0,H.jsxs)(a,{"data-testid":`task`,"data-state":t.state,sx:{display:`flex`,flexWrap:`wrap`,alignItems:`center`,gap:1.5},children:[(0,H.jsxs)(a,{sx:{flex:`1 1 16rem`,minWidth:0},children:[(0,H.jsxs)(i,{sx:{fontWeight:650},children:[f,(0,H.jsxs)(i,{component:`span`,color:`textSecondary`,children:[` `,pe(t.params)]})]}),(0,H.jsxs)(i,{variant:`body2`,color:`textSecondary`,children:[h(`tasks.asked`),`: `,P(Date.parse(t.created_at),n),` · `,t.created_by,t.finished_at!==null&&` · ${P(Date.parse(t.finished_at),n)}`,t.attempts>1&&` · ${h(`tasks.attempts`,{n:t.attempts})}`]})]}),(0,H.jsx)(i,{sx:{fontWeight:600,color:t.state===`failed`?`severity.major`:`text.secondary`},children:p&&t.cancel_requested?h(`tasks.ending`):h(`task_state.${t.state}`)}),t.state===`succeeded`&&typeof t.result?.file==`string`&&(0,H.jsx)(e,{variant:`outlined`,color:v.isError?`error`:`inherit`,disabled:v.isPending,title:v.error?.message,onClick:()=>v.mutate(),children:h(`tasks.file`)}),p&&s&&!t.cancel_requested&&(0,H.jsx)(e,{variant:`outlined`,color:`inherit`,onClick:()=>d(!0),children:h(`tasks.cancel`)})]}),p&&(0,H.jsxs)(a,{sx:{display:`flex`,alignItems:`center`,gap:1.5,mt:1},children:[(0,H.jsx)(ae,{variant:`determinate`,value:t.progress*100,"aria-label":`${h(`tasks.progress`)}: ${f}`,sx:{flex:1,height:`0.5rem`,borderRadius:`0.25rem`}}),(0,H.jsxs)(i,{variant:`body2`,children:[m(t.progress*100,0),` %`]})]}),t.message!==``&&(0,H.jsx)(i,{variant:`body2`,sx:{mt:.5},children:t.message}),t.error!==null&&(0,H.jsx)(i,{variant:`body2`,sx:{mt:.5},children:t.error}),u&&(0,H.jsx)(L,{title:h(`tasks.cancel_title`,{what:f}),text:h(`tasks.cancel_text`),action:h(`tasks.cancel`),pending:g.isPending,error:g.error,onDo:()=>g.mutate(),onClose:()=>d(!1)})]})}function pe(e){return Object.values(e).flatMap(e=>Array.isArray(e)?e:[e]).filter(e=>typeof e==`string`&&e.length<40).slice(0,4).map(e=>String(e).replace(/T\d\d:\d\d.*$/,``)).join(` · `)}export{le as default};