// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-2bf3ed64a441';
const FILES = ["/assets/AlarmsPage-DNGkhOEd.js","/assets/Alert-D-C8LaQ2.js","/assets/Answer-TMdPbvOr.js","/assets/Card-CSQtoMAe.js","/assets/ClassifyPage-D2kRM1yy.js","/assets/Confirm-Du_zV152.js","/assets/DeadLettersPage-cZPdrDPn.js","/assets/DevicesPage-CslCleqk.js","/assets/DialogTitle-5jWznC5c.js","/assets/DriftPage-Bk3Pwtgn.js","/assets/Entrance-BvHojeb4.js","/assets/FarmFrame-e-0HjdDv.js","/assets/FormControlLabel-bc6RFhMx.js","/assets/JoinPage-Di_7Vviz.js","/assets/KpisPage-DFP0y2EK.js","/assets/LabelsPage-9oQH-5Nn.js","/assets/LimitSource-CS5Q6jAV.js","/assets/Link-CHPmf8JY.js","/assets/PageTitle-CnUq7Itj.js","/assets/Pages-DF8vclzp.js","/assets/RecordsPage-DAK0E9mg.js","/assets/ReportsPage-BpEtfjNh.js","/assets/RiskBadge-gWrhDc6O.js","/assets/RolloutsPage-0_0o1XNC.js","/assets/SettingsPage-okiuR1aF.js","/assets/SiteChoice-BcXtDS_j.js","/assets/Table-BPtpm5aX.js","/assets/Tabs-DqWq6teI.js","/assets/TasksPage-BcZ6xBfW.js","/assets/TextField-DLdWpSbh.js","/assets/ToggleButtonGroup-DZrYVT7J.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DbM1Ldhn.js","/assets/csv-CLzMYPnq.js","/assets/el-avYHabbZ.js","/assets/es-BUiO0J0w.js","/assets/icons-C23CQAsl.js","/assets/index-DrZvxGgX.css","/assets/index-gjUnETZt.js","/assets/labels-pyiWJHWA.js","/assets/nb-zrjElmeZ.js","/assets/period-c7R_zj20.js","/assets/queries-tEilo28o.js","/assets/tr-BFERHsbx.js","/assets/words-CClLT7qQ.js","/assets/words-WRwmH7dm.js"];
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
