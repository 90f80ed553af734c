// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
const CACHE = 'shoal-befc21a0cfdf';
const FILES = ["/assets/AlarmsPage-DcyPAFYf.js","/assets/Alert-DFZ09DOq.js","/assets/Answer-CNX05lh3.js","/assets/Card-CjehS1YW.js","/assets/ClassifyPage-BU80ekKB.js","/assets/DeadLettersPage-qepz-h9e.js","/assets/DevicesPage-DZ_LxuLI.js","/assets/DialogTitle-C4yAngaL.js","/assets/Entrance-BtLVbdGM.js","/assets/FarmFrame-d3rWyimC.js","/assets/FormControlLabel-CW-E_4hr.js","/assets/JoinPage-DIRXWYjX.js","/assets/KpisPage-DwguL1V1.js","/assets/LabelsPage-QqO-e28P.js","/assets/LimitSource-bCxzIcLr.js","/assets/Link-DkbWLV0i.js","/assets/PageTitle-AvM6jSMP.js","/assets/Pages--uFLcbhR.js","/assets/RecordsPage-D1RvkyHl.js","/assets/ReportsPage-DRwU7Kwy.js","/assets/RiskBadge-H9CGrIla.js","/assets/RolloutsPage-sdyTUYny.js","/assets/SettingsPage-CA8WNbFc.js","/assets/SiteChoice-ByGdObSk.js","/assets/Table-BhCMVomU.js","/assets/Tabs-BZ20dJ5P.js","/assets/TextField-CAQK_097.js","/assets/ToggleButtonGroup-C3ZURKyl.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-DstbvIiR.js","/assets/el-DhbHh4wF.js","/assets/es-BHj6W1qo.js","/assets/icons-2IdwFBli.js","/assets/index-DovUvkS8.js","/assets/index-DrZvxGgX.css","/assets/labels-CJyOCBYK.js","/assets/nb-Cse_K24s.js","/assets/period-3n7QR5lZ.js","/assets/queries-BwVUIHjm.js","/assets/tr-NQpRzGF6.js","/assets/words-BENwNldG.js","/assets/words-DOpqUoED.js"];
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
