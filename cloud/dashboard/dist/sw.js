// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-378b04e821c3';
const FILES = ["/assets/AlarmsPage-D7b3XnZV.js","/assets/Alert-DSn4Jhb1.js","/assets/Answer-vY2XZizy.js","/assets/AskForm-D-i3q1D1.js","/assets/Card-Cw96hqXs.js","/assets/ClassifyPage-CsVh-CkD.js","/assets/Confirm-DVcSJEs3.js","/assets/DeadLettersPage-CsZr2pQW.js","/assets/DevicesPage-DotlG2mY.js","/assets/DialogTitle-BaH4neBa.js","/assets/DriftPage-CO0IBQiE.js","/assets/Entrance-LsAd2MPA.js","/assets/FarmFrame-DMjJ8RI3.js","/assets/FormControlLabel-Dzc2U1ws.js","/assets/JoinPage-Br7kOJsy.js","/assets/KpisPage-D8Nuaq59.js","/assets/LabelsPage-DJ4gnzdI.js","/assets/LimitSource-bWhA8XoD.js","/assets/Link-DZi5sVGM.js","/assets/PageTitle-BkBCSjNI.js","/assets/Pages-D1b20Int.js","/assets/RecordsPage-Cus5NZrn.js","/assets/ReportsPage-DqFnLLvK.js","/assets/RiskBadge-Hcqf2fAa.js","/assets/RolloutsPage-B08hkT6c.js","/assets/SettingsPage-Cxa5noW8.js","/assets/SiteChoice-BP0Oyklb.js","/assets/Table-CK35al93.js","/assets/Tabs-C7npF-pB.js","/assets/TasksPage-CFjcQvPG.js","/assets/TextField-YDyCz7KT.js","/assets/ToggleButtonGroup-CpA6zn_2.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-Cy8peryD.js","/assets/csv-CLzMYPnq.js","/assets/el-BHohhuoF.js","/assets/es-zq2l-1QI.js","/assets/icons-DjEQFT7R.js","/assets/index-CuOHeDoC.js","/assets/index-DrZvxGgX.css","/assets/labels-yLqFCgam.js","/assets/nb-Ci9teuTy.js","/assets/period-NRVrXqMm.js","/assets/queries-DMF1U7kA.js","/assets/tr-DU9U_cjH.js","/assets/words-A-Z1zsVc.js","/assets/words-CvjZtFVZ.js"];
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
