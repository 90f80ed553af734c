// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-25167cca2092';
const FILES = ["/assets/AlarmsPage-OT_61JZQ.js","/assets/Alert-BaCErTxa.js","/assets/Answer-DNQsiN-s.js","/assets/Card-B-aK4Yki.js","/assets/DeadLettersPage-CnTU1KLH.js","/assets/DevicesPage-DGwg2QJO.js","/assets/FarmFrame-BH7ilCoB.js","/assets/KpisPage-DlmHvWda.js","/assets/PageTitle-BT_lQU3M.js","/assets/RecordsPage-BEYtXRV4.js","/assets/ReportsPage-D6kpAXKh.js","/assets/RiskBadge-D3aK3rkx.js","/assets/SettingsPage-B2w4Q7Id.js","/assets/Table-O6WqmJ3e.js","/assets/Tabs-BDbmV9pe.js","/assets/TextField-QTbvVo3R.js","/assets/ToggleButtonGroup-CrcHLmks.js","/assets/UnitPage-CFxpz3-j.js","/assets/UnitPage-CnsZ1jie.css","/assets/el-CORFkref.js","/assets/es-DhE-Lj5g.js","/assets/index-C_JYBOF1.js","/assets/index-DrZvxGgX.css","/assets/nb-unQk6Vok.js","/assets/period-Db4Qboc9.js","/assets/queries-DAXunuXX.js","/assets/tr-DWLBDInM.js","/assets/words-CVe1UfiG.js"];
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
