// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-30ebeac8f300';
const FILES = ["/assets/AlarmsPage-Cv04izow.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-BGpkOEG_.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-B7PvNXRN.js","/assets/Confirm-CTMYuZ_K.js","/assets/DeadLettersPage-DFAVbwgt.js","/assets/DevicesPage-BG0mfp59.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-DNxx-3AY.js","/assets/Facts-CtN2PLNO.js","/assets/FileImport-CmkbkDZQ.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-Cb-YEosZ.js","/assets/JoinPage-rxMcDd5e.js","/assets/KpisPage-BYxkN4KR.js","/assets/LabelsPage-BKGttZkT.js","/assets/LimitSource-DKT0g9GO.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-Cji4hxC4.js","/assets/RecordsPage-DababKMS.js","/assets/ReportsPage-CRm8jtxN.js","/assets/RolloutsPage-BveWtVa5.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-CkCHutBl.js","/assets/SiteChoice-CneJdwxI.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-CU-KsAYU.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-Ba5Vhd8l.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-Do1db_xl.js","/assets/TrialsPart-BFPW8eCa.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-CzjwDWD6.js","/assets/WrongButton-Hv3z6bu3.js","/assets/el-D2tVPmcn.js","/assets/en-BuDJflng.js","/assets/es-BLhsWYlC.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-X2VrqVsm.js","/assets/labels-B81AYEmv.js","/assets/libraries-BJ7Aomix.js","/assets/main-8EWglA3c.js","/assets/main-CGlXWuxZ.js","/assets/nb-Ce_9PIB9.js","/assets/period-B09kslnd.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-BpoKr9Gu.js","/assets/texts-C6XXy17I.js","/assets/tr-C4edzvxa.js"];
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
