// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-8d6f875c3e2a';
const FILES = ["/assets/AlarmsPage-9NwKMOXY.js","/assets/Alert-HtBanr8I.js","/assets/Answer-B1fQqNQh.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-CqriZvqU.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-BDd5P95D.js","/assets/Confirm-oC7hTSj7.js","/assets/DeadLettersPage-LKxX-SKu.js","/assets/DevicesPage-C1xulyjy.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-j-Eq_zXA.js","/assets/FileImport-DdY8HlYJ.js","/assets/FormDialog-DxukGCVN.js","/assets/JoinPage-dImMXLjw.js","/assets/KpisPage-DMULK7Jl.js","/assets/LabelsPage-Dav68w8d.js","/assets/LimitSource-CCZXvso7.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-NW7TPXdD.js","/assets/RecordsPage-BYFYBe6c.js","/assets/ReportsPage-D9DERLeq.js","/assets/RolloutsPage-D0QLcbT9.js","/assets/SettingsPage-fnr5acyR.js","/assets/SiteChoice-Big48Dkh.js","/assets/Switch-6f4eMhpG.js","/assets/Table-DJI_dPd_.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-B9OS6tBt.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CKm2x97H.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-abnOelQ6.js","/assets/el-C4T3yPrM.js","/assets/en-DOqkOAO6.js","/assets/es-DH4W-7vn.js","/assets/first-BcQwEOFp.css","/assets/first-DQggJ33B.js","/assets/labels-Dqq-4FQ3.js","/assets/libraries-BJ7Aomix.js","/assets/main-B1J0wpja.js","/assets/main-kQhue2dz.js","/assets/nb-LrmJzzB_.js","/assets/period-RGsvNPIL.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-C2y5gBhQ.js"];
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
