// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-2ca37b45426d';
const FILES = ["/assets/AlarmsPage-Cb1CVbXU.js","/assets/Alert-HtBanr8I.js","/assets/Answer-Cg4RhFdW.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-id5_z9jR.js","/assets/Confirm-UIyL_QBa.js","/assets/DeadLettersPage-Cf3Wqkwq.js","/assets/DevicesPage-CbHPwC9A.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-BvE12Fgx.js","/assets/FileImport-CvXEw5de.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-D9aGqDGX.js","/assets/JoinPage-C5HNQC6O.js","/assets/KpisPage-Ck5dbFLV.js","/assets/LabelsPage-Q2RsB4ov.js","/assets/LimitSource-Db_0tqK2.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-BOaQNXFm.js","/assets/RecordsPage-Cf4S9VNn.js","/assets/ReportsPage-4uAxM97Q.js","/assets/RolloutsPage-BftXb0-u.js","/assets/SettingsPage-B8TLF8GK.js","/assets/SiteChoice-Dg_vaTsK.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-CUJz_k0y.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-D8FxW_9h.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-CyFlYbZY.js","/assets/WrongButton-DZqMNRxb.js","/assets/el-CpI-6T2l.js","/assets/en-BkFxdoIb.js","/assets/es-Bm8qaRTy.js","/assets/first-AJli_G8X.css","/assets/first-D-HMnnLq.js","/assets/labels-DxQzJbmc.js","/assets/libraries-BJ7Aomix.js","/assets/main-2bveylY6.js","/assets/main-sAZDbdGh.js","/assets/nb-C1Nyds4Y.js","/assets/period-DdFP1k23.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-BgIiaokz.js"];
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
