// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-1908442ec5e4';
const FILES = ["/assets/AlarmsPage-G2cBGqlZ.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-B56LUnjl.js","/assets/Card-DYFB5orY.js","/assets/CardText-C_JZLWwB.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-qxLmpQ-U.js","/assets/Confirm-Cq6or39S.js","/assets/DeadLettersPage-CT_nMapW.js","/assets/DevicesPage-g_W03G_s.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-DDT73ekt.js","/assets/Facts-C5Lj0UaL.js","/assets/FileImport-QHmoUeH-.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-CZO7GCar.js","/assets/JoinPage-CSI2zbL-.js","/assets/KpisPage-DUhWpWd7.js","/assets/LabelsPage-BJ1WO_in.js","/assets/LimitSource-Cohw9v4A.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-BWzISduL.js","/assets/RecordsPage-BngUHD3M.js","/assets/ReportsPage-Ccj_ACRH.js","/assets/RolloutsPage-DSmtpX6j.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-BJHUK3Jf.js","/assets/SiteChoice-BoOiC2cI.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-Cd9nDQP1.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-CYpOk3sa.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/TrialPage-CzCN93bd.js","/assets/TrialsPart-iCSwJn64.js","/assets/UnitPage-C1n7Ri1G.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-Dxs9-qd6.js","/assets/el-AgKVNJ_T.js","/assets/en-BYFLveBI.js","/assets/es-WEXYOx25.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-Ddyfq2Oe.js","/assets/labels-D8rGjInX.js","/assets/libraries-BJ7Aomix.js","/assets/main-CagTSPFm.js","/assets/main-DxwfPTSv.js","/assets/nb-CmBYLlwB.js","/assets/period-COCKp89Z.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/size-C0o2UY1Z.js","/assets/texts-BD3AWuQE.js","/assets/tr-DFP2gCWx.js"];
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
