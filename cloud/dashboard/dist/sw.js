// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-5b1c055a8ec0';
const FILES = ["/assets/AlarmsPage-9L9Jk4S3.js","/assets/Alert-HtBanr8I.js","/assets/Answer-DpxbvHWZ.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-ep8c314S.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-DMYZgUpT.js","/assets/Confirm-DSloo0YM.js","/assets/DeadLettersPage-BsxjRCzQ.js","/assets/DevicesPage-C2Or_pqV.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-D_3lFuTf.js","/assets/FileImport-D3THEgvn.js","/assets/FormDialog-fylEGU7w.js","/assets/JoinPage--J38sSKj.js","/assets/KpisPage-BDRLcKnT.js","/assets/LabelsPage-NdXw3kh5.js","/assets/LimitSource-njQ6TzI0.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-2HCjiLx1.js","/assets/RecordsPage-WynQ1Ppy.js","/assets/ReportsPage-DKHal39E.js","/assets/RolloutsPage-7rLrGJAO.js","/assets/SettingsPage--6DkIMI1.js","/assets/SiteChoice-DQPpS9Qj.js","/assets/Switch-DJAgy4XV.js","/assets/Table-D06FC9jR.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-CeRFNYsX.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-CtymCXq_.js","/assets/WrongButton-C1ndEo6m.js","/assets/el-BYo-gTKm.js","/assets/en-Da24nqZt.js","/assets/es-DjNeifWw.js","/assets/first-BcQwEOFp.css","/assets/first-IHZv3NCE.js","/assets/labels-D4I9Ptx1.js","/assets/libraries-BJ7Aomix.js","/assets/main-B35jLYOK.js","/assets/main-kOPX5ClE.js","/assets/nb-CXDeqwwM.js","/assets/period-BpSNki0B.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-ChsfoEgx.js"];
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
