// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-564e1c338a7a';
const FILES = ["/assets/AlarmsPage-DIAq_BOk.js","/assets/Alert-P8RYzQQy.js","/assets/Answer-Cf4XpWML.js","/assets/Card-B45oK6jF.js","/assets/DeadLettersPage-BP4OBVR1.js","/assets/DevicesPage-BlUnuKET.js","/assets/FarmFrame-B-JPJFTa.js","/assets/KpisPage-_pkueL-0.js","/assets/PageTitle-BVRc6y0w.js","/assets/RecordsPage-MzulLP23.js","/assets/ReportsPage-BmdV8zxI.js","/assets/RiskBadge-CFuE9dn2.js","/assets/SettingsPage-BuY_LvaD.js","/assets/Table-BWPerUvm.js","/assets/Tabs-BXqrh-Hj.js","/assets/TextField-B1Kb7ao6.js","/assets/ToggleButtonGroup-ENyiqRjY.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DZwnzD8V.js","/assets/el-DbTtlN8c.js","/assets/es-FyPguoNZ.js","/assets/index-B84rcnAq.js","/assets/index-DrZvxGgX.css","/assets/nb-CrDlwpMj.js","/assets/period-cpnxmHnR.js","/assets/queries-C6K0jlq8.js","/assets/tr-DCrbsHUw.js","/assets/words-mrfvJDIE.js"];
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
