// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-3a3846244ab1';
const FILES = ["/assets/AlarmsPage-1rBTaZzL.js","/assets/Alert-CdfDhb7K.js","/assets/Answer-DUbbmrmf.js","/assets/Card-DH7bv9qn.js","/assets/DeadLettersPage-Dgs36OGY.js","/assets/DevicesPage-DUSK566l.js","/assets/FarmFrame-CXMKGK-q.js","/assets/KpisPage-CbrONnKw.js","/assets/PageTitle-DFosy3kx.js","/assets/RecordsPage-CL5yMqvB.js","/assets/ReportsPage-81p123MC.js","/assets/RiskBadge-7mGYIYHD.js","/assets/SettingsPage-6PsY_x9R.js","/assets/Table-DqoNE43w.js","/assets/Tabs-BVeJuacK.js","/assets/TextField-BMY7Uy-O.js","/assets/ToggleButtonGroup-DGHDVjEh.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DyE3HUcv.js","/assets/el-Cbff__or.js","/assets/es-CTWdawdp.js","/assets/index-DrZvxGgX.css","/assets/index-uCBPOx_g.js","/assets/nb-BKR4epEW.js","/assets/period-CZvWxI-g.js","/assets/queries-tTpn4DJ5.js","/assets/tr-CjuuTBiN.js","/assets/words-DOfYW5Pd.js"];
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
