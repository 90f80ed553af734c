// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-9fa2c1be2890';
const FILES = ["/assets/AlarmsPage-muTC1i-e.js","/assets/Alert-BcgbtiFR.js","/assets/Answer-DKklWzCc.js","/assets/Card-BbXot4t2.js","/assets/ClassifyPage-BIxu5Wn7.js","/assets/Confirm-DNaYo3x5.js","/assets/DeadLettersPage-DuUsPCey.js","/assets/DevicesPage-NxonycH7.js","/assets/DialogTitle-DmJneyrS.js","/assets/DriftPage-C11FudFf.js","/assets/Entrance-0USjUy7U.js","/assets/FarmFrame-_UW2wbjq.js","/assets/FormControlLabel-BNTx5kF6.js","/assets/JoinPage-BJfRxHzk.js","/assets/KpisPage-CBHL_tTo.js","/assets/LabelsPage-DgMP-f8S.js","/assets/LimitSource-H9Il92LL.js","/assets/Link-BAJyy0HN.js","/assets/PageTitle-BTc-UJiX.js","/assets/Pages-Di4I8ETF.js","/assets/RecordsPage-D9mXvuY2.js","/assets/ReportsPage-Df6Kzip5.js","/assets/RiskBadge-BbuwiLsg.js","/assets/RolloutsPage-BRXiYuTU.js","/assets/SettingsPage-B2RXFiRs.js","/assets/SiteChoice-pOET4sN6.js","/assets/Table-De3gGZqm.js","/assets/Tabs-CrhWgGFm.js","/assets/TasksPage-ByTQP9xz.js","/assets/TextField-2WMDalnm.js","/assets/ToggleButtonGroup-Bqh4qvEv.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-Derwd_Z4.js","/assets/csv-CLzMYPnq.js","/assets/el-qB0ec7Ca.js","/assets/es-DIeYCJ13.js","/assets/icons-B1vySsNH.js","/assets/index-DMbUtGgM.js","/assets/index-DrZvxGgX.css","/assets/labels-C9H8ovUD.js","/assets/nb-CRAJmP1l.js","/assets/period-sofkyh4i.js","/assets/queries-B_cJ5U6s.js","/assets/tr-D4WO_6CN.js","/assets/words-5q08F6eF.js","/assets/words-D-LI0QU1.js"];
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
