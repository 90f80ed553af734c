// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-8d5783a0a95e';
const FILES = ["/assets/AlarmsPage-K6e6vmdj.js","/assets/Alert-BVuYPhvI.js","/assets/Answer-BlZHnswM.js","/assets/Card-BRpvN0_h.js","/assets/ClassifyPage-575S-Dh6.js","/assets/DeadLettersPage-C03yeccJ.js","/assets/DevicesPage-BlKRmFFf.js","/assets/DialogTitle-vACTn1eX.js","/assets/Entrance-865io4m0.js","/assets/FarmFrame-DQUANF6h.js","/assets/FormControlLabel-Dct2ujO1.js","/assets/JoinPage-BY3e11YS.js","/assets/KpisPage-C4s4rEBZ.js","/assets/LabelsPage-BHa1fnJj.js","/assets/LimitSource-DTTiCFOv.js","/assets/Link-Bkrhvn81.js","/assets/PageTitle-VclsCZbZ.js","/assets/RecordsPage-S0Vz52eI.js","/assets/ReportsPage-Bw7ybGsS.js","/assets/RiskBadge-DbZhYSqW.js","/assets/RolloutsPage-CbjAfObr.js","/assets/SettingsPage-CK_8xfCy.js","/assets/SiteChoice-Cb3aSd7R.js","/assets/Table-X73zoHbu.js","/assets/Tabs-BqL5vZ9U.js","/assets/TextField-qMtKHBH4.js","/assets/ToggleButtonGroup-CWK8OD-9.js","/assets/UnitPage-BZbdZq28.js","/assets/UnitPage-CnsZ1jie.css","/assets/el-C-BmSOG9.js","/assets/es-D2AX0ue0.js","/assets/icons-8FxYPJIM.js","/assets/index-DrZvxGgX.css","/assets/index-w6gLqIbB.js","/assets/labels-cZwEIwr4.js","/assets/nb--YH1G1f3.js","/assets/period-rwfDHhac.js","/assets/queries-D1EhucUa.js","/assets/tr-ZURwLxqm.js","/assets/words-BCNev7gj.js","/assets/words-DbAqfdZ1.js"];
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
