// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-033ce0b0e65e';
const FILES = ["/assets/AlarmsPage-BCj_cEEn.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-DpOpHsTC.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-ciZvfXME.js","/assets/Confirm-BcuXfxtS.js","/assets/DeadLettersPage-COvz3YRW.js","/assets/DevicesPage-B_MMX0qe.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-BLZ31Pfn.js","/assets/Facts-DYWTKx6R.js","/assets/FileImport-B5XXh8hc.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-2BtAfQGT.js","/assets/JoinPage-DGNJnaeo.js","/assets/KpisPage-riMdBitg.js","/assets/LabelsPage-Cg2YsWkm.js","/assets/LimitSource-Bgs6_-KH.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-BOYO2fEN.js","/assets/RecordsPage-DFwFpCtI.js","/assets/ReportsPage-DPfKUXbL.js","/assets/RolloutsPage-CAxsYken.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-BCn-MY7M.js","/assets/SiteChoice-9pmo3-f8.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-dmscyfUo.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-BLw5Oz3V.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-ze00yEHN.js","/assets/TrialsPart-C58IPsBc.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-i6h7VNeb.js","/assets/WrongButton-Cdc_lgXp.js","/assets/el-B3DGxHKR.js","/assets/en-CvIXvwlo.js","/assets/es-BsFNOqqe.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-BVknBCnB.js","/assets/labels--3wDMz68.js","/assets/libraries-BJ7Aomix.js","/assets/main-BGDFnOWA.js","/assets/main-DPevgTbw.js","/assets/nb-CQkC8coc.js","/assets/period-I1m6xPyi.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-msf2GR-p.js","/assets/texts-CJ_ALOx3.js","/assets/tr-CXOZ56rd.js"];
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
