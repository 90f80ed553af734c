// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-64e75341c365';
const FILES = ["/assets/AlarmsPage-WKe5ljvY.js","/assets/Alert-1BESxHp-.js","/assets/Answer-XQOX6n83.js","/assets/Card-DUKmzjke.js","/assets/DeadLettersPage-XRjLam6p.js","/assets/DevicesPage-KeZXLeXf.js","/assets/FarmFrame-B1u9pXPu.js","/assets/KpisPage-BDhH73up.js","/assets/PageTitle-rheaib6R.js","/assets/RecordsPage-B-ViO8D8.js","/assets/ReportsPage-BvfQNWdA.js","/assets/RiskBadge-GHiKVmeu.js","/assets/SettingsPage-CaQb9IVn.js","/assets/Table-CGO58xWv.js","/assets/Tabs-CU8_AKlH.js","/assets/TextField-BgqqT-ok.js","/assets/ToggleButtonGroup-BbWxdV8l.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-D95p-rgk.js","/assets/el-CORFkref.js","/assets/es-DhE-Lj5g.js","/assets/index-D4BTY31Y.js","/assets/index-DrZvxGgX.css","/assets/nb-unQk6Vok.js","/assets/period-Cs6bsb-V.js","/assets/queries-aN9GMXJv.js","/assets/tr-DWLBDInM.js","/assets/words-CPAgZryW.js"];
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
