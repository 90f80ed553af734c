// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-cab15614980c';
const FILES = ["/assets/AlarmsPage-iQFZad0W.js","/assets/Alert-HtBanr8I.js","/assets/Answer-Bz2_VgiL.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-C8dHyNKk.js","/assets/Confirm-BSQosE0r.js","/assets/DeadLettersPage-CJY0k_oA.js","/assets/DevicesPage-CzomaSv_.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-mjBPCeIy.js","/assets/FileImport-DVFoQPuA.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-DiWol6DM.js","/assets/JoinPage-DYWGni3c.js","/assets/KpisPage-Dx4mi_4V.js","/assets/LabelsPage-BcIzxHOf.js","/assets/LimitSource-CusfEARx.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-BI48uW30.js","/assets/RecordsPage-D8Eod2H-.js","/assets/ReportsPage-DAuysh4z.js","/assets/RolloutsPage-C0FT0HHV.js","/assets/SettingsPage-wm3mBOl4.js","/assets/SiteChoice-Cns-Wx51.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-BlpOiEpV.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-BJuAoJC4.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-BpiF8mEZ.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-Pm_ilITR.js","/assets/el-CL52VWn2.js","/assets/en-B8u02d0V.js","/assets/es-CQy9coc2.js","/assets/first-6GAZfnLR.js","/assets/first-AJli_G8X.css","/assets/labels-B4uP8sug.js","/assets/libraries-BJ7Aomix.js","/assets/main-7il7sbS1.js","/assets/main-BoLvpYS4.js","/assets/nb-BM0h2e4J.js","/assets/period-BIQyciXc.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-CTvhpWxG.js"];
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
