// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-a360c1628050';
const FILES = ["/assets/AlarmsPage-DIFkEd9u.js","/assets/Alert-HtBanr8I.js","/assets/Answer-Br6qUuOR.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-Ccw1ydnW.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-Ci969uEr.js","/assets/Confirm-CwMNv0lG.js","/assets/DeadLettersPage-B1VtpGZs.js","/assets/DevicesPage-DlsaiLpv.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-C-VuJx9I.js","/assets/FileImport-BXL9jVp2.js","/assets/FormDialog-6bhuAaNJ.js","/assets/JoinPage-nw2_W05k.js","/assets/KpisPage-CHuXnoRw.js","/assets/LabelsPage-CV97_hPw.js","/assets/LimitSource-DB8UYL73.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-CE6KTZ1M.js","/assets/RecordsPage-TvSKT4vh.js","/assets/ReportsPage-BAfD45Cm.js","/assets/RolloutsPage-QxZOwNmX.js","/assets/SettingsPage-BZefIr8D.js","/assets/SiteChoice-Bk-U6jy2.js","/assets/Switch-DLDXQttO.js","/assets/Table-keoKPC3s.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-DkyRBPn_.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-Ctn-f3rz.js","/assets/WrongButton-C1sqtxxg.js","/assets/el-BP6fHHMy.js","/assets/en-DhduS26s.js","/assets/es-Dd5yfsw4.js","/assets/first-BcQwEOFp.css","/assets/first-cBPXWQ0l.js","/assets/labels-DGmQ4mK2.js","/assets/libraries-BJ7Aomix.js","/assets/main-CzxUROfY.js","/assets/main-DYNqUC70.js","/assets/nb-Ct7kaB5j.js","/assets/period-u-cbgod8.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-DwjJBVeE.js"];
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
