// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-58590298081f';
const FILES = ["/assets/AlarmsPage-D8THHt71.js","/assets/Alert-BZronIRb.js","/assets/Answer-DuBWnlW1.js","/assets/Card-Pi9vlL2E.js","/assets/DeadLettersPage-C_ihHY_0.js","/assets/DevicesPage-CkWOPW5S.js","/assets/DialogTitle-kad5tdAn.js","/assets/Entrance-B9Jjmegl.js","/assets/FarmFrame-CiXv7ErZ.js","/assets/FormControlLabel-Br1lPdAf.js","/assets/JoinPage-Dt0sh3Bt.js","/assets/KpisPage-DcUwqtD-.js","/assets/LimitSource-C_hH0Bpu.js","/assets/PageTitle-Dyt4kN8R.js","/assets/RecordsPage-jOxWK76u.js","/assets/ReportsPage-BGAeZbQz.js","/assets/RiskBadge-DtikG28V.js","/assets/RolloutsPage-R628Srwx.js","/assets/SettingsPage-DGzJoYvL.js","/assets/Table-ChaTEZmy.js","/assets/Tabs-D05UduWe.js","/assets/TextField-DYQSwjfz.js","/assets/ToggleButtonGroup-DmtN2I0N.js","/assets/UnitPage-CXZe1MIg.js","/assets/UnitPage-CnsZ1jie.css","/assets/el-4SLPhogo.js","/assets/es-BmtpTgSJ.js","/assets/icons-WG8r7Ltw.js","/assets/index-DrZvxGgX.css","/assets/index-mk8LYzqM.js","/assets/nb-DG-YpFMR.js","/assets/period-CHJQFzaB.js","/assets/queries-Bp1QwwfB.js","/assets/tr-BRTOQJZM.js","/assets/words-B2ue7MTx.js"];
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
