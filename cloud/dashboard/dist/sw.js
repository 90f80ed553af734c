// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-18bf787f2e5d';
const FILES = ["/assets/AlarmsPage-BSd7uyva.js","/assets/Alert-Dg6WtIR-.js","/assets/Answer-BVwvXUXy.js","/assets/Card-D6rnQDGf.js","/assets/DeadLettersPage-DC8X4PrA.js","/assets/DevicesPage-DNNNfcjB.js","/assets/DialogTitle-BnSf71n-.js","/assets/FarmFrame-BYgkMWPQ.js","/assets/KpisPage-BaH-kBFB.js","/assets/LimitSource-BWx8Wz_H.js","/assets/PageTitle-DSRbHOaF.js","/assets/RecordsPage-BqBMkRsx.js","/assets/ReportsPage-B2_dCk_m.js","/assets/RiskBadge-BW9CieG1.js","/assets/RolloutsPage-BOvnFmpe.js","/assets/SettingsPage-KzMFh_36.js","/assets/Table-zAK9x92S.js","/assets/Tabs-CWaOUG1y.js","/assets/TextField-XIu2KsVt.js","/assets/ToggleButtonGroup-Blqk2ATl.js","/assets/UnitPage-CEPhq5vv.js","/assets/UnitPage-CnsZ1jie.css","/assets/el-BHT3l9Ld.js","/assets/es-BSoRt6sG.js","/assets/index-C7uYmuXx.js","/assets/index-DrZvxGgX.css","/assets/nb-BqhiBdsL.js","/assets/period-B-dltv-z.js","/assets/queries-Cl_CeOyP.js","/assets/tr-NqTMalSl.js","/assets/words-BFPWhLHn.js"];
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
