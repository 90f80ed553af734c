// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-164eed26abcb';
const FILES = ["/assets/AlarmsPage-iqnGqMJl.js","/assets/Alert-BzR7T3BB.js","/assets/Answer-DLQCHRuG.js","/assets/AskForm-BeKayF1y.js","/assets/Card-78n55VK-.js","/assets/ChooseFile-DXKPMR6c.js","/assets/ClassifyPage-tVFalVE0.js","/assets/Confirm-CnK7qkUs.js","/assets/DeadLettersPage--GmXxKOF.js","/assets/DevicesPage-NrbgU5y5.js","/assets/DialogTitle-D8ZEf8FL.js","/assets/DriftPage-yTITVSLR.js","/assets/Entrance-C4VJa5CV.js","/assets/EvidenceImage-DKiIKVCP.js","/assets/FarmFrame-DI74o9Sn.js","/assets/FileImport-nZRp6T4R.js","/assets/FormControlLabel-yhXdRqk0.js","/assets/FormDialog-Cap2STYO.js","/assets/JoinPage-BY5I-67s.js","/assets/KpisPage-DL8szyTI.js","/assets/LabelsPage-CMgeueE4.js","/assets/LimitSource-BpkPmX6Y.js","/assets/Link-Cnlk4LU_.js","/assets/PageTitle-BalD0kzC.js","/assets/Pages-ChkO9c4A.js","/assets/RecordsPage-CV1Vf666.js","/assets/ReportsPage-vuxqQgBr.js","/assets/RiskBadge-Dg4N41rW.js","/assets/RolloutsPage-BZCs4a1h.js","/assets/SettingsPage-BOBLJszT.js","/assets/SiteChoice-CpP-yaU1.js","/assets/Table-D6OZt7Jh.js","/assets/Tabs-ColAahJn.js","/assets/TasksPage-BJLVmhXV.js","/assets/TextField-CncINzfQ.js","/assets/ToggleButtonGroup-DQnWLLhI.js","/assets/UnitPage-BDJDCHbH.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-CX6jbYX2.js","/assets/el-CnKVpWFd.js","/assets/es-641GTOVE.js","/assets/icons-C2l6usqr.js","/assets/index-CwrB1Pc6.js","/assets/index-DrZvxGgX.css","/assets/labels-BK5yz-Gu.js","/assets/nb-cCCzFc-5.js","/assets/period-B6aZGkc-.js","/assets/queries-CNEC008b.js","/assets/tr-CreTcyvb.js","/assets/words-LnjRozN1.js","/assets/words-OiTrw_vO.js"];
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
