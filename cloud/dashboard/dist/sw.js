// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-78f2d1108a63';
const FILES = ["/assets/AlarmsPage-CrhNlMhL.js","/assets/Alert-Rfr7iz0s.js","/assets/Answer-5xqJwsGa.js","/assets/AskForm-Bj9WsHKs.js","/assets/Card-BtnAxDqI.js","/assets/ClassifyPage-D_BRkUQA.js","/assets/Confirm-hIo3mPed.js","/assets/DeadLettersPage-CKnMexWi.js","/assets/DevicesPage-CT8mGLYp.js","/assets/DialogTitle-CXQtKSZc.js","/assets/DriftPage-Bp3TpSdx.js","/assets/Entrance-Dn3M9Kg0.js","/assets/FarmFrame-cTzVIk9E.js","/assets/FormControlLabel-BxTXEsDe.js","/assets/JoinPage-B_XJxIaC.js","/assets/KpisPage-HqEkXV98.js","/assets/LabelsPage-DenzTCoS.js","/assets/LimitSource-DJ_7Sab5.js","/assets/Link-CXoCsHmN.js","/assets/PageTitle-CIXhesHB.js","/assets/Pages-D-M_Thij.js","/assets/RecordsPage-BWD3jddP.js","/assets/ReportsPage-DdvkukKo.js","/assets/RiskBadge-DACVmsRI.js","/assets/RolloutsPage-BESdPbvy.js","/assets/SettingsPage-Dcg9fG3I.js","/assets/SiteChoice-CKQVtQGY.js","/assets/Table-BS7SNbUw.js","/assets/Tabs-mB3SvprC.js","/assets/TasksPage-DPNb_N51.js","/assets/TextField-DauN9A-O.js","/assets/ToggleButtonGroup-kkC4BTgr.js","/assets/UnitPage-CYSseDvI.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-c8P63X_a.js","/assets/csv-CLzMYPnq.js","/assets/el-CkxlTByq.js","/assets/es-BfwQn62E.js","/assets/icons-BetLBl7R.js","/assets/index-DrZvxGgX.css","/assets/index-TahwMe4B.js","/assets/labels-3g3ZvUsp.js","/assets/nb-KXcdNLph.js","/assets/period-Va5FhUAf.js","/assets/queries-CNgI9QTu.js","/assets/tr-h4FLB7rU.js","/assets/words-CBn7SKJN.js","/assets/words-DtwLmuBA.js"];
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
