// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-633e677f9d3d';
const FILES = ["/assets/AlarmsPage-JXoyfJFO.js","/assets/Alert-CU95a3fv.js","/assets/Answer-BjM3EnUJ.js","/assets/AskForm-BN7D1O_8.js","/assets/Card-D4-q-3jD.js","/assets/Checkbox-CACDMXpx.js","/assets/ChooseFile-BCRGaDsb.js","/assets/ClassifyPage-CdpK6RKb.js","/assets/Confirm-BczzUJNw.js","/assets/DeadLettersPage-BL42hn8d.js","/assets/DevicesPage-DFHNcwMg.js","/assets/DialogTitle-CSFpqnWk.js","/assets/DriftPage-Dyp_UM7u.js","/assets/Entrance-BeH79xcu.js","/assets/EvidenceImage-C03jNQV6.js","/assets/FarmFrame-B8bq4Yr1.js","/assets/FileImport-e98xY3Bl.js","/assets/FormDialog-DufHP8H5.js","/assets/JoinPage-Df_YcE_5.js","/assets/KpisPage-DYykmd1F.js","/assets/LabelsPage-B8s7eIXc.js","/assets/LimitSource-CmWy9vM6.js","/assets/Link-C_r7cJlc.js","/assets/PageTitle-DVv4I-6Q.js","/assets/Pages-C_s9F_qi.js","/assets/RecordsPage-BQwdNENg.js","/assets/ReportsPage-CjhSLEv0.js","/assets/RiskBadge-B7viCUob.js","/assets/RolloutsPage-oXGbOGc0.js","/assets/SettingsPage-B8X_bIh7.js","/assets/SiteChoice--BiM9cZl.js","/assets/Switch-lWYsvas-.js","/assets/Table-CrjDCCkw.js","/assets/Tabs-CpeYGhwI.js","/assets/TasksPage-DgQe_OBd.js","/assets/TextField-C3HVbgSz.js","/assets/ToggleButtonGroup-Ci278mzG.js","/assets/UnitPage-B5ZO3OFb.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-DybCcLFF.js","/assets/el-Xhh68Cr0.js","/assets/es-ZRq6RWjI.js","/assets/icons-D-_C97Oa.js","/assets/index-DrZvxGgX.css","/assets/index-y-OfdfWo.js","/assets/labels-CgEXZ9i_.js","/assets/nb-DSAt7WGS.js","/assets/period-BfkLxAl8.js","/assets/queries-DzIA_ymQ.js","/assets/tr-DMJrDqXX.js","/assets/words-D3NpTFpW.js","/assets/words-dGcwFxsM.js"];
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
