// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-81a7bc2c22ed';
const FILES = ["/assets/AlarmsPage-CzFzfwtF.js","/assets/Alert-C-dUxMvx.js","/assets/Answer-B436v1c9.js","/assets/AskForm-BZYs01Kn.js","/assets/Card-BCOccKeg.js","/assets/ChooseFile-Cniiwo2i.js","/assets/ClassifyPage-_ioIpX5q.js","/assets/Confirm-5YTJGEVf.js","/assets/DeadLettersPage-C_MNQVRF.js","/assets/DevicesPage-Nr33PH3P.js","/assets/DialogTitle-BJ_T9GKr.js","/assets/DriftPage-CEIGlqkh.js","/assets/Entrance-CpuxVGaR.js","/assets/EvidenceImage-DjrB6tbD.js","/assets/FarmFrame-BE_qdt1x.js","/assets/FileImport-BUfIfIsE.js","/assets/FormControlLabel-DCMC4vrB.js","/assets/FormDialog-CV34dgDw.js","/assets/JoinPage-CkzEA8tp.js","/assets/KpisPage-BJYmfo7r.js","/assets/LabelsPage-Dtl8WyjJ.js","/assets/LimitSource-Bi1V1468.js","/assets/Link-D9KKPksJ.js","/assets/PageTitle-C7JtPzEr.js","/assets/Pages-DW6AolW4.js","/assets/RecordsPage-C-iSchMb.js","/assets/ReportsPage-B-aZOkVC.js","/assets/RiskBadge-mNbC0PwC.js","/assets/RolloutsPage-BtlXuSyU.js","/assets/SettingsPage-DreMXlgj.js","/assets/SiteChoice-Br7B3BiR.js","/assets/Table-CPKyQ9bv.js","/assets/Tabs-DEg0QK9z.js","/assets/TasksPage-DkvipkcT.js","/assets/TextField-Dc-nCVLm.js","/assets/ToggleButtonGroup-C5MJygS-.js","/assets/UnitPage-C11IaKJX.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-BIR3J38m.js","/assets/csv-CLzMYPnq.js","/assets/el-BGib8Srq.js","/assets/es-0h6RlODQ.js","/assets/icons-C_pR5Yid.js","/assets/index-DrZvxGgX.css","/assets/index-M5MEGDnw.js","/assets/labels-CUT337yH.js","/assets/nb-BdLGv36a.js","/assets/period-PYmHcOwY.js","/assets/queries-n65AiEfF.js","/assets/tr-DQUyhkru.js","/assets/words-CXmR-I_g.js","/assets/words-mSX-Sg2k.js"];
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
