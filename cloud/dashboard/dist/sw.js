// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-25272263d88f';
const FILES = ["/assets/AlarmsPage-mQVdzEy6.js","/assets/Alert-DxryUXW_.js","/assets/Answer-DtGGhbVO.js","/assets/Card-BEB84lxd.js","/assets/DeadLettersPage-B8aQKWy4.js","/assets/DevicesPage-DQYzdi_5.js","/assets/FarmFrame-fNHtfS9i.js","/assets/KpisPage-vraLEaJp.js","/assets/LimitSource-BVfs8D4Y.js","/assets/PageTitle-C3zGjN1X.js","/assets/RecordsPage-BuLg0D_A.js","/assets/ReportsPage-gp_X4r83.js","/assets/RiskBadge-BCfi1hfE.js","/assets/SettingsPage-BpHXJs3j.js","/assets/Table-BI75W0ne.js","/assets/Tabs-DGkbltUl.js","/assets/TextField-BmGwLvJs.js","/assets/ToggleButtonGroup-Ii7SabIM.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DLhA12TJ.js","/assets/el-B2gZbxFq.js","/assets/es-Bh1ZpC8T.js","/assets/index-DrZvxGgX.css","/assets/index-RDdiebhR.js","/assets/nb-DnIO6uCY.js","/assets/period-oktuZWpa.js","/assets/queries-B8Nu3TKK.js","/assets/tr-BhD3eSRp.js","/assets/words-BIIw_rBO.js"];
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
