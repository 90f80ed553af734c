// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-3972bb184e72';
const FILES = ["/assets/AlarmsPage-Cs4cT680.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-Di_qIt-N.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-DXnE9Hvm.js","/assets/Confirm-bd5bBDbF.js","/assets/DeadLettersPage-DtUYSO0-.js","/assets/DevicesPage-RxGHyHZa.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-CKxnuGWu.js","/assets/Facts-6umb6abO.js","/assets/FileImport-BDUuav8c.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-D5Mrbsay.js","/assets/JoinPage-jyweGKxv.js","/assets/KpisPage-BVTHVqyN.js","/assets/LabelsPage-B6HyHuHw.js","/assets/LimitSource-DtnVTRh3.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-CjM1HNk_.js","/assets/RecordsPage-D714gEe9.js","/assets/ReportsPage-B3RYsFv3.js","/assets/RolloutsPage-Dn43MT39.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-DXw3lf-9.js","/assets/SiteChoice-By2cI18a.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-4bMfVlQB.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-BpBrGcsR.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-uYsW7Yu_.js","/assets/WrongButton-CvnWCuG1.js","/assets/el-C3k0s9u4.js","/assets/en-D8XZXTGl.js","/assets/es-Z-PVNrkE.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-Du-XA-nL.js","/assets/labels-CpvmVVjz.js","/assets/libraries-BJ7Aomix.js","/assets/main-CbIqPy0A.js","/assets/main-D6VXPNv9.js","/assets/nb-DGMQrTvh.js","/assets/period-C7KcILQ0.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-WHFsv3Ba.js"];
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
