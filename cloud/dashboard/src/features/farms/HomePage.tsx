/** The way to a farm: the one seen last on this computer, or the first; nothing else is shown here. */
import { useEffect, type JSX } from 'react';
import { Navigate, useParams } from 'react-router';
import { Failed, Loading, Note } from '../../kit/States';
import { lastSite, rememberSite } from './lastSite';
import { NoFarm } from './NoFarm';
import { useSites } from './queries';
import { t } from '../../i18n';

export function HomePage(): JSX.Element {
  const sites = useSites();
  const first = sites.data?.find((site) => site.slug === lastSite()) ?? sites.data?.[0];
  if (first !== undefined) return <Navigate to={`/sites/${first.slug}`} replace />;
  return (
    <NoFarm>
      {sites.isError ? (
        <Failed error={sites.error} retry={() => void sites.refetch()} />
      ) : sites.isPending ? (
        <Loading />
      ) : (
        <Note title={t('home.none')} text={t('home.none_text')} />
      )}
    </NoFarm>
  );
}

/** Remember the farm of the present page for the next visit. */
export function useRememberSite(): void {
  const { site } = useParams();
  useEffect(() => {
    if (site !== undefined) rememberSite(site);
  }, [site]);
}
