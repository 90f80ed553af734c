// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-2cfd3441a89e';
const FILES = ["/assets/AlarmsPage-T5NYIBo9.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-CGZB-XSl.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-Bd3--qOu.js","/assets/Confirm-BIuDOTrY.js","/assets/DeadLettersPage-CiYfRS02.js","/assets/DevicesPage-BpfU_zeG.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-DasCUyS4.js","/assets/Facts-sTDxGmHH.js","/assets/FileImport-ChG5z1Wh.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-BeVYMAYR.js","/assets/JoinPage-CiTXqezM.js","/assets/KpisPage-DaB5McFL.js","/assets/LabelsPage-DyAM2Z30.js","/assets/LimitSource-3J_43_TT.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-DRAb5Uq6.js","/assets/RecordsPage-BbA6vCjW.js","/assets/ReportsPage-D8b6UtXu.js","/assets/RolloutsPage-CFcQEXEH.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-DTUq5gT5.js","/assets/SiteChoice-CMKvewj3.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-iHekXKxm.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-Ceg2lCdn.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-Id5scpsx.js","/assets/WrongButton-BUO6mZqZ.js","/assets/el-DvTjCC8s.js","/assets/en-DTzqE5G4.js","/assets/es-Cd8Q0O-1.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-C8pSKG3a.js","/assets/labels-CV3BoR68.js","/assets/libraries-BJ7Aomix.js","/assets/main-57ylRmnL.js","/assets/main-NlOggDZ5.js","/assets/nb-C2Kgkzyk.js","/assets/period-WjlIwYKC.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-Uiq76J5L.js","/assets/useMay-BAssuBnv.js"];
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
