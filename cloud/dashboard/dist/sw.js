// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-3531dd6e60d6';
const FILES = ["/assets/AlarmsPage-BzO-7S0w.js","/assets/Alert-BYfNSIvM.js","/assets/Answer-DQsJOTz7.js","/assets/Card--LyMsja8.js","/assets/DeadLettersPage-Dno_xHlp.js","/assets/DevicesPage-BkTZnLje.js","/assets/DialogTitle-C92qgPxi.js","/assets/Entrance-CX-LiQg_.js","/assets/FarmFrame-DalecsWV.js","/assets/FormControlLabel-BbfMtoMI.js","/assets/JoinPage-DNerAQuT.js","/assets/KpisPage-5n-aTAQf.js","/assets/LabelsPage-BXbDkq1x.js","/assets/LimitSource-CgUd8Frb.js","/assets/Link-Cot78tXy.js","/assets/PageTitle-DkQs5fzh.js","/assets/RecordsPage-kRJzPBfc.js","/assets/ReportsPage-COm0_QxU.js","/assets/RiskBadge-D_qVRWIb.js","/assets/RolloutsPage-DxDOYuHi.js","/assets/SettingsPage-BhvC98sA.js","/assets/Table-ByiWZc8D.js","/assets/Tabs-C64-cNS9.js","/assets/TextField-CeBQWxx7.js","/assets/ToggleButtonGroup-vXqycf6I.js","/assets/UnitPage-CNAgfWGJ.js","/assets/UnitPage-CnsZ1jie.css","/assets/el-KjTHLdq9.js","/assets/es-DGnIZZAX.js","/assets/icons-5gebOfpv.js","/assets/index-Cus2ZYIv.js","/assets/index-DrZvxGgX.css","/assets/labels-BqLxi6OA.js","/assets/nb-DcmPjOQA.js","/assets/period-Cr9PkfvJ.js","/assets/queries-BTahwR1U.js","/assets/tr-WFF8RLGV.js","/assets/words-D1I8F1Z8.js"];
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
