// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-0111c06e70c2';
const FILES = ["/assets/AlarmsPage-BTBUuayp.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-CgHVPKUh.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-B2HdhI9C.js","/assets/Confirm-MucjdXc-.js","/assets/DeadLettersPage-B3tw6sMG.js","/assets/DevicesPage-Cp5VWaRC.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-BGiyg6YE.js","/assets/Facts-kkwuOL7R.js","/assets/FileImport-BgWi6474.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-Bx9gHAS2.js","/assets/JoinPage-DmKoV_YI.js","/assets/KpisPage-JF_MtNxc.js","/assets/LabelsPage-o9yDJUet.js","/assets/LimitSource-Baa4BXaq.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-DTKRdH00.js","/assets/RecordsPage-BUCBKcCa.js","/assets/ReportsPage-C9MJY7Bt.js","/assets/RolloutsPage-CiVPQHGe.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-BxySPowY.js","/assets/SiteChoice-sus4vZhN.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-CeYsKGuT.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-D-34kF4y.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-BCSaqWQt.js","/assets/TrialsPart-DkFqTtae.js","/assets/UnitPage-BTafB5nM.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-Cl1ngEYt.js","/assets/el-Df3hNJVW.js","/assets/en-C_vx1-Hk.js","/assets/es-CmDqwEkM.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-DuqHEpBE.js","/assets/labels-COeEVkx9.js","/assets/libraries-BJ7Aomix.js","/assets/main-2b2XY3qA.js","/assets/main-BevSR214.js","/assets/marks-Yw3CWYE4.js","/assets/nb-C1Feoguj.js","/assets/period-a0luC93H.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-KCsas86B.js","/assets/tr-sEjo3O9V.js"];
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
