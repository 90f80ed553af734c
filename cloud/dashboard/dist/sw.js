// Keeps the built page, so that an installed dashboard opens without a network. It never keeps what the API said: an old value
// must not look like a new one, and records that wait are kept by the page itself.
<<<<<<< HEAD
<<<<<<< HEAD
<<<<<<< HEAD
const CACHE = 'shoal-f3bffa459051';
const FILES = ["/assets/AlarmsPage-DFqKTd4o.js","/assets/Alert-HtBanr8I.js","/assets/Answer-DFoIjW2e.js","/assets/AskForm-B56LUnjl.js","/assets/Card-BH8drNhT.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-gUqo82Hx.js","/assets/Confirm-AHhXubf1.js","/assets/DeadLettersPage-BmiL1jPn.js","/assets/DevicesPage-YschbIgi.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-FogvdubN.js","/assets/FileImport-Ce6eLjS9.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-Bb0WHdpX.js","/assets/JoinPage-CWyZK70X.js","/assets/KpisPage-Dk45s5QI.js","/assets/LabelsPage-DmN90Eyn.js","/assets/LimitSource-BS6PeszK.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-B13bLaX5.js","/assets/RecordsPage-BJ3i6PoQ.js","/assets/ReportsPage-DWZGcnAE.js","/assets/RolloutsPage-DyaAug_n.js","/assets/Segments-0ouYq8L6.js","/assets/SelectField-C3RcHjSM.js","/assets/SettingsPage-8ZkRPE-L.js","/assets/SiteChoice-Ce2zGRwx.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-BUxaos5t.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-DLT4Hgfb.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-BPi_08ql.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-BV1i84gr.js","/assets/el-D_-dtNpJ.js","/assets/en-BQ5q8EAW.js","/assets/es-DzZYS2jV.js","/assets/first-AJli_G8X.css","/assets/first-D9OOF6_X.js","/assets/labels-C1l6YcD2.js","/assets/libraries-BJ7Aomix.js","/assets/main-BqumIB_2.js","/assets/main-vod1CRmf.js","/assets/nb-gVXviamN.js","/assets/period-c5AE_hjX.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-BiSmN_6w.js","/assets/useMay-BMKiOkJ0.js"];
=======
const CACHE = 'shoal-9181052ea398';
const FILES = ["/assets/AlarmsPage-D5gqW0Lj.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BmN8a_Fa.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-Fsmn7mAy.js","/assets/Confirm-20Loqm6q.js","/assets/DeadLettersPage-C0IG4Y2D.js","/assets/DevicesPage-BnyWijHQ.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-DkmGlbCt.js","/assets/Facts-DQ8AZJ4V.js","/assets/FileImport-CS5syJHs.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-ClBQ_WYO.js","/assets/JoinPage-SvOzmGDq.js","/assets/KpisPage-BmC8cnGe.js","/assets/LabelsPage-Byo9U_6b.js","/assets/LimitSource-CrAMBRBp.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-C2RNN-VM.js","/assets/RecordsPage-UE56YOrj.js","/assets/ReportsPage-Cw8fkspz.js","/assets/RolloutsPage-DoPXlXd6.js","/assets/SettingsPage-lIMa1DgR.js","/assets/SiteChoice-DY7KRUng.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-7J8dMGN0.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-DAZDgzLn.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-Ds7i4wS7.js","/assets/WrongButton-CEar0hco.js","/assets/el-C0VJGLn8.js","/assets/en-DRirMQ60.js","/assets/es-QyBEeK_D.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-DnHm49mn.js","/assets/labels-B2kld6GH.js","/assets/libraries-BJ7Aomix.js","/assets/main-CHfV_dYN.js","/assets/main-DC9o0PTD.js","/assets/nb-InQk57kh.js","/assets/period-VQ7uTRMK.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-DJeCN99J.js"];
>>>>>>> f2c548d (The dashboard shows who signed a release and who must yet, how every box is, what runs on it, and groups; the agent's version in the form; batches that did not load say so)
=======
const CACHE = 'shoal-327ca8ab7a6f';
const FILES = ["/assets/AlarmsPage-DhiQpMbz.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-1engOUk2.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-_Yhgr8uF.js","/assets/Confirm-8cDC6n2_.js","/assets/DeadLettersPage-COJXjOyF.js","/assets/DevicesPage-DZckPsHx.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-DNoaflxj.js","/assets/Facts-DaV4baLL.js","/assets/FileImport-DnU0A7WX.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-D3SZcR2H.js","/assets/JoinPage-CmMNz1UO.js","/assets/KpisPage-DT9rf5qn.js","/assets/LabelsPage-DZkBktiS.js","/assets/LimitSource-CpemjmcM.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-DgKfWgOp.js","/assets/RecordsPage-lc_Wezzn.js","/assets/ReportsPage-CIzfd67v.js","/assets/RolloutsPage-PZclLQlN.js","/assets/SettingsPage-B4fRwiKa.js","/assets/SiteChoice-CJtqO020.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-DRpzFX15.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-Bn4MRRui.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-CnsZ1jie.css","/assets/UnitPage-ixxcemXR.js","/assets/WrongButton-BVLOQZLi.js","/assets/el-GwhPO6IS.js","/assets/en-BflbyuaH.js","/assets/es-BTWoSkjY.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-BgZR8nmN.js","/assets/labels-B2vD0vVN.js","/assets/libraries-BJ7Aomix.js","/assets/main-B2WTpbSo.js","/assets/main-DrOg789W.js","/assets/nb-J3lVlp8Q.js","/assets/period-B1fXzUGK.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-CE6ABQKQ.js"];
>>>>>>> 5cf45e4 (A hot box is found and its hashes compared in a browser test; what the dashboard shows of the fleet is told in the docs)
=======
const CACHE = 'shoal-d909d6442609';
const FILES = ["/assets/AlarmsPage-C46-3aFw.js","/assets/Alert-HtBanr8I.js","/assets/AskForm-BI5I-LtW.js","/assets/Card-BjSgS05t.js","/assets/Checkbox-BPL7q_CN.js","/assets/ChooseFile-D3YDkeZG.js","/assets/ClassifyPage-Domnomz7.js","/assets/Confirm-CFzepTVQ.js","/assets/DeadLettersPage-DDISvdlR.js","/assets/DevicesPage-CJW39HbZ.js","/assets/DialogTitle-DTGrSBJF.js","/assets/DriftPage-Cs-fqFDF.js","/assets/Facts-B_wwKdlZ.js","/assets/FileImport-QfSKtPE2.js","/assets/FormControlLabel-DxLr6Ksr.js","/assets/FormDialog-B6uaIQs_.js","/assets/JoinPage-BMrjkljH.js","/assets/KpisPage-B6uRgmuK.js","/assets/LabelsPage-BrGWnI3-.js","/assets/LimitSource-Bh8p_vaa.js","/assets/Link-CNuNi6PI.js","/assets/PageTitle-DEn3qZtZ.js","/assets/Pages-DIecgQ37.js","/assets/RecordsPage-BcNgJ7HY.js","/assets/ReportsPage-BgIHtDni.js","/assets/RolloutsPage-CGLhfE6O.js","/assets/SettingsPage-BKlW5xQ6.js","/assets/SiteChoice-Dvd2BEHc.js","/assets/Switch-Dd-Enbpv.js","/assets/Table-Z3mHfjI8.js","/assets/Tabs-C9rlgYB2.js","/assets/TasksPage-DW24Wnu_.js","/assets/TextField-BeLRbCXG.js","/assets/ToggleButtonGroup-l4K7FNxN.js","/assets/UnitPage-BQXXkqDb.js","/assets/UnitPage-CnsZ1jie.css","/assets/WrongButton-A1Xk_d4y.js","/assets/el-DR_q3fFr.js","/assets/en-CRjCzw5r.js","/assets/es-NWN_-h0T.js","/assets/file-BixejTmQ.js","/assets/first-AJli_G8X.css","/assets/first-DSiOUi2g.js","/assets/labels-CkoO8Kl9.js","/assets/libraries-BJ7Aomix.js","/assets/main-BEoLgJZq.js","/assets/main-C2peFI_U.js","/assets/nb-DjMc1gbp.js","/assets/period-BkncGzlj.js","/assets/rolldown-runtime-WkwZ5CU-.js","/assets/tr-Bqb2EoUV.js"];
>>>>>>> ac59e42 (Pictures of releases, health and what runs; buttons of a release stand on its line)
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
