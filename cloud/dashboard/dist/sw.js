// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-597b4f4d8584';
const FILES = ["/assets/AlarmsPage-B2Tgs42J.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-Dqksd5Hl.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-B92c6F47.js","/assets/Confirm-CoqVsj0v.js","/assets/DeadLettersPage-CPIBukAH.js","/assets/DevicesPage-BRKY4LMO.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-yJsP9j0K.js","/assets/Facts-kkwuOL7R.js","/assets/FileImport-CFkdrAzD.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-D5IwfcZg.js","/assets/JoinPage-i5KoqWks.js","/assets/KpisPage-B0yQvKAR.js","/assets/LabelsPage-cQJ5OTgr.js","/assets/LimitSource-BTY0v7kI.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-DDYmx110.js","/assets/RecordsPage-ChJx7Ns5.js","/assets/ReportsPage-CnZpZhYn.js","/assets/RolloutsPage-C1_OeLs-.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-zmRxk0uj.js","/assets/SiteChoice-B5tPoILS.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-DHFJK1zL.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-N2910H-Y.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-Ch0OYGpA.js","/assets/TrialsPart-BYX9fjP0.js","/assets/UnitPage-1HhQqS6Y.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-DFaG1E4L.js","/assets/el-CONpWW-e.js","/assets/en-CHyYnLZV.js","/assets/es-CBtYommi.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-EaV0-J7l.js","/assets/labels-TpyVuknY.js","/assets/libraries-BJ7Aomix.js","/assets/main-7c0Z3mg1.js","/assets/main-CXICKnOp.js","/assets/marks-CjkmzIuw.js","/assets/nb-C32jU7iB.js","/assets/period-DxdelkDY.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-DDbDq-pC.js","/assets/tr-GNw8_Lm0.js"];
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
