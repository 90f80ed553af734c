// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-d636a9bad3fd';
const FILES = ["/assets/AlarmsPage-CFXw3F7F.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-DvcZljgw.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-CkMpi2_F.js","/assets/Confirm-DwVbV28j.js","/assets/DeadLettersPage-_t5jla3y.js","/assets/DevicesPage-BxD3f4yz.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-BmZFgA5-.js","/assets/Facts-Bq4og_Qt.js","/assets/FileImport-B7xutnnu.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-B3_y3JgX.js","/assets/JoinPage-DUylV4pf.js","/assets/KpisPage-BDUDyDT2.js","/assets/LabelsPage-c2XJhKIP.js","/assets/LimitSource-C48bP9fk.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-CfvQUywY.js","/assets/RecordsPage-C3qlf_qI.js","/assets/ReportsPage-SqmGJ-JC.js","/assets/RolloutsPage-Dtd862Pn.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-CHhWc6gC.js","/assets/SiteChoice-CjQE0u_G.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-tsIDYIjZ.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-Ci2o0aa7.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CfJHgmSL.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-DCsDZvCe.js","/assets/el-B-wVj5al.js","/assets/en-Dni1faTA.js","/assets/es-KDUxcW0p.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-BN0oI5pq.js","/assets/labels-CKOChcv6.js","/assets/libraries-BJ7Aomix.js","/assets/main-BwiIbqvT.js","/assets/main-blQ06I2b.js","/assets/nb-Bq4t3u1a.js","/assets/period-Ovlprziy.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-DegPI0un.js"];
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
