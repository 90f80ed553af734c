// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-2308256bbf3c';
const FILES = ["/assets/AlarmsPage-Loc1dOUT.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-RiXifJM9.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-B6HSyx5r.js","/assets/Confirm-DR1Ygb4j.js","/assets/DeadLettersPage-BK89Gcxz.js","/assets/DevicesPage-BSITELh7.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-K6M_-BX8.js","/assets/Facts-kkwuOL7R.js","/assets/FileImport-BxhYXDNS.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-C2p1mCUh.js","/assets/JoinPage-D-spokE6.js","/assets/KpisPage-uLg3D9xs.js","/assets/LabelsPage-B1LyvdBe.js","/assets/LimitSource-DQneGqpN.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-U29kiGIQ.js","/assets/RecordsPage-B9TfINX6.js","/assets/ReportsPage-DrytrQyT.js","/assets/RolloutsPage-Bm-OatAA.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-YHClQi2I.js","/assets/SiteChoice-Tulb_Auk.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-BLK5iV_r.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-CxaS_zoK.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-BBsQJGMc.js","/assets/TrialsPart-Bsgd63KP.js","/assets/UnitPage-CDwyfW6f.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-B5VkcQlP.js","/assets/el-D5BQG9p3.js","/assets/en-BUPc-nAA.js","/assets/es-Dv04grLb.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-B8j2YRiB.js","/assets/labels-CIBuX40v.js","/assets/libraries-BJ7Aomix.js","/assets/main-BbxcOFr3.js","/assets/main-BqvSySlJ.js","/assets/marks-Cser8g5r.js","/assets/nb-Xwo6IIPL.js","/assets/period-CTjG55bt.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-BUZBuY37.js","/assets/tr-C6VK7zpk.js"];
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
