/** Composition: theme, language, query client and routes. Pages other than the wall load when first opened. */
import Button from '@mui/material/Button';
import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClientProvider } from '@tanstack/react-query';
import { Component, lazy, Suspense, useEffect, useMemo, type JSX, type ReactNode } from 'react';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router';
import { LoginPage } from './features/auth/LoginPage';
import { RequireSession } from './features/auth/RequireSession';
import { HomePage, useRememberSite } from './features/farms/HomePage';
import { WallPage } from './features/farms/WallPage';
import { t } from './i18n';
import { useLanguage } from './i18n/useLanguage';
import { ModeContext } from './kit/ModeContext';
import { useMode } from './kit/mode';
import { paint } from './kit/paint';
import { Loading, Note } from './kit/States';
import { themeOf } from './kit/theme';
import { queryClient } from './queryClient';

const JoinPage = lazy(() => import('./features/auth/JoinPage'));
const AlarmsPage = lazy(() => import('./features/alarms/AlarmsPage'));
const RecordsPage = lazy(() => import('./features/husbandry/RecordsPage'));
const KpisPage = lazy(() => import('./features/kpis/KpisPage'));
const ReportsPage = lazy(() => import('./features/reports/ReportsPage'));
const DevicesPage = lazy(() => import('./features/devices/DevicesPage'));
const DeadLettersPage = lazy(() => import('./features/dead_letters/DeadLettersPage'));
const LabelsPage = lazy(() => import('./features/labels/LabelsPage'));
const RolloutsPage = lazy(() => import('./features/rollouts/RolloutsPage'));
const TrialPage = lazy(() => import('./features/trials/TrialPage'));
const DriftPage = lazy(() => import('./features/drift/DriftPage'));
const TasksPage = lazy(() => import('./features/tasks/TasksPage'));
const ClassifyPage = lazy(() => import('./features/predictions/ClassifyPage'));
const SettingsPage = lazy(() => import('./features/settings/SettingsPage'));
const UnitPage = lazy(() => import('./features/farms/UnitPage'));

export function App(): JSX.Element {
  const [mode, toggle] = useMode();
  const language = useLanguage();
  const theme = useMemo(() => themeOf(mode), [mode]);
  useEffect(() => {
    // Behind the page while it loads or is pulled.
    paint(mode);
  }, [mode]);
  return (
    <ModeContext value={toggle}>
      <ThemeProvider theme={theme}>
        <CssBaseline />
        <ErrorBoundary>
          <QueryClientProvider client={queryClient}>
            {/* Another language is another page: everything on it is drawn anew. */}
            <BrowserRouter key={language}>
              <Suspense fallback={<Loading />}>
                <Routes>
                  <Route path="/login" element={<LoginPage />} />
                  <Route path="/join" element={<JoinPage />} />
                  <Route element={<RequireSession />}>
                    <Route path="/" element={<HomePage />} />
                    <Route path="/sites/:site" element={<RememberedWall />} />
                    <Route path="/sites/:site/alarms" element={<AlarmsPage />} />
                    <Route path="/sites/:site/records" element={<RecordsPage />} />
                    <Route path="/sites/:site/kpis" element={<KpisPage />} />
                    <Route path="/sites/:site/reports" element={<ReportsPage />} />
                    <Route path="/sites/:site/devices" element={<DevicesPage />} />
                    <Route path="/sites/:site/dead-letters" element={<DeadLettersPage />} />
                    <Route path="/sites/:site/rollouts" element={<RolloutsPage />} />
                    <Route path="/sites/:site/rollouts/:rollout" element={<RolloutsPage />} />
                    <Route path="/sites/:site/rollouts/trials/:trial" element={<TrialPage />} />
                    <Route path="/sites/:site/labels" element={<LabelsPage />} />
                    <Route path="/sites/:site/drift" element={<DriftPage />} />
                    <Route path="/sites/:site/tasks" element={<TasksPage />} />
                    <Route path="/sites/:site/classify" element={<ClassifyPage />} />
                    <Route path="/sites/:site/settings" element={<SettingsPage />} />
                    <Route path="/units/:unit" element={<UnitPage />} />
                  </Route>
                  <Route path="*" element={<Navigate to="/" replace />} />
                </Routes>
              </Suspense>
            </BrowserRouter>
          </QueryClientProvider>
        </ErrorBoundary>
      </ThemeProvider>
    </ModeContext>
  );
}

function RememberedWall(): JSX.Element {
  useRememberSite();
  return <WallPage />;
}

/** A page that fails must say so: a frozen screen could pass for a calm farm. */
class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <Note
        title={t('state.stopped')}
        text={t('state.stopped_text')}
        action={
          <Button variant="contained" onClick={() => window.location.reload()}>
            {t('action.reload')}
          </Button>
        }
      />
    );
  }
}
