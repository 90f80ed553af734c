// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-301d65daf138';
const FILES = ["/assets/AlarmsPage-DajfJHq1.js","/assets/Alert-HtBanr8I.js","/assets/Answer-B7vcwpDJ.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-BHccrOkL.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-odAEKHLf.js","/assets/Confirm-2J-Dxk3e.js","/assets/DeadLettersPage-Nje_LSRb.js","/assets/DevicesPage-BArBRlSz.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-C2U499hr.js","/assets/FileImport-DXSrNX0F.js","/assets/FormDialog-B1H9mOSC.js","/assets/JoinPage-DR5keGpJ.js","/assets/KpisPage-CL14hFuy.js","/assets/LabelsPage-BLeWEaKx.js","/assets/LimitSource-HX1gXSoF.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-BLm4wV5p.js","/assets/RecordsPage-CDGcNPyh.js","/assets/ReportsPage-D3ATTAtZ.js","/assets/RolloutsPage-D6CmNJSm.js","/assets/SettingsPage-CnqSoCPR.js","/assets/SiteChoice-l7PQR-dp.js","/assets/Switch-BP7iPvwF.js","/assets/Table-BU52X5Z-.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-qtURdMU9.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-Bh9v8fYr.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-Dl8lkrnm.js","/assets/el-Cy9Dah5v.js","/assets/en-C7WAQfq-.js","/assets/es-D1MxZbCz.js","/assets/first-BcQwEOFp.css","/assets/first-Sgz8aJ5k.js","/assets/labels-BMSBwr_z.js","/assets/libraries-BJ7Aomix.js","/assets/main-CafHmQ2v.js","/assets/main-Dbm8VGGR.js","/assets/nb-C9FFQ0VX.js","/assets/period-F43zJPT3.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-CFwB-Eef.js"];
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
