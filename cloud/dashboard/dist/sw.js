// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-1770244719ac';
const FILES = ["/assets/AlarmsPage-BZPVfNpr.js","/assets/Alert-CNAjO6LS.js","/assets/Answer-Ckf_DlyQ.js","/assets/AskForm-DZDc_vTq.js","/assets/Card-DrHBnu-y.js","/assets/ChooseFile-CgZR40AG.js","/assets/ClassifyPage-D2t9AeFQ.js","/assets/Confirm-ZUUGYLPc.js","/assets/DeadLettersPage-CxclG_Ve.js","/assets/DevicesPage-BJ1uo-NH.js","/assets/DialogTitle-mzbGplfr.js","/assets/DriftPage-D4fIiMU5.js","/assets/Entrance-C-a-GwV5.js","/assets/EvidenceImage-kWolTYmF.js","/assets/FarmFrame-CElv_hU2.js","/assets/FileImport-CJBFUcbn.js","/assets/FormControlLabel-DcP1qaLI.js","/assets/FormDialog-DOU2ppw-.js","/assets/JoinPage-CrMBk_Yw.js","/assets/KpisPage-BIrifyNp.js","/assets/LabelsPage-DNS1DWZn.js","/assets/LimitSource-5tdsM48_.js","/assets/Link-BTaLVdPC.js","/assets/PageTitle-9dqCTIwZ.js","/assets/Pages-D7Xp78Ba.js","/assets/RecordsPage-Bf_qlj0a.js","/assets/ReportsPage-fea7-NTe.js","/assets/RiskBadge-DJH_wNDR.js","/assets/RolloutsPage-CEuS-yFz.js","/assets/SettingsPage-GPmK2nKp.js","/assets/SiteChoice-RSTFwibs.js","/assets/Table-BM-qwWtE.js","/assets/Tabs-CG_VEOdS.js","/assets/TasksPage-Bl2yO11D.js","/assets/TextField-D_7sgx9b.js","/assets/ToggleButtonGroup-CekcveUD.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DoeICB-0.js","/assets/WrongButton-C8iK-cYa.js","/assets/csv-CLzMYPnq.js","/assets/el-u7-BKkYa.js","/assets/es-D6SZ2X-u.js","/assets/icons-s2UtR4c2.js","/assets/index-DrZvxGgX.css","/assets/index-sjZA75Pe.js","/assets/labels-Bc_sT1di.js","/assets/nb-PYIcuKZo.js","/assets/period-CDgAIbjr.js","/assets/queries-BxNdQwhs.js","/assets/tr-BTSEfMbG.js","/assets/words-C9jvEpR7.js","/assets/words-Dc-rkKd-.js"];
const PAGE = '/';
const WAIT_MS = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([PAGE, '/manifest.json', ...FILES])));
  self.skipWaiting();
});

self.addEventListener('activate', (event) => {
  const old = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(old());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate' && !url.pathname.startsWith('/api') && !url.pathname.startsWith('/a/')) {
    event.respondWith(page(request));
  } else if (url.pathname.startsWith('/assets/')) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});

/** The newest page where the server answers in time, otherwise the one that was kept. */
async function page(request) {
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(WAIT_MS) });
    if (answer.ok) return answer;
  } catch {
    // The kept page is what there is.
  }
  return (await caches.match(PAGE)) ?? Response.error();
}
