/** Labels for frames: work, review, queue, progress, frozen data sets. Loaded when first opened. */
import type { JSX } from 'react';
import { useParams } from 'react-router';
import { t } from '../../i18n';
import { PageTitle } from '../../kit/PageTitle';
import { Tabs, type Part } from '../../kit/Tabs';
import { useMay } from '../auth/useMay';
import { FarmFrame } from '../farms/FarmFrame';
import { unitName } from '../farms/words';
import { DatasetsPart } from './DatasetsPart';
import { ImportPart } from './ImportPart';
import { ProgressPart } from './ProgressPart';
import { QueuePart } from './QueuePart';
import { ReviewPart } from './ReviewPart';
import { SettingsPart } from './SettingsPart';
import { Work } from './Work';

export default function LabelsPage(): JSX.Element {
  const { site = '' } = useParams();
  const mayLabel = useMay('operator');
  const mayReview = useMay('farm_manager');
  return (
    <FarmFrame site={site} rail={false}>
      {({ snapshot }) => {
        const { timezone } = snapshot.latest.site;
        const units = snapshot.latest.units.map(({ unit }) => unit);
        const unitOf = (slug: string): string => unitName(units, slug);
        const queue: Part = {
          key: 'queue',
          label: t('labels.queue'),
          content: () => (
            <QueuePart
              site={site}
              timezone={timezone}
              unitOf={unitOf}
              mayLabel={mayLabel}
              mayReview={mayReview}
            />
          ),
        };
        const work: Part = {
          key: 'work',
          label: t('labels.work'),
          content: () => <Work site={site} timezone={timezone} />,
        };
        const review: Part = {
          key: 'review',
          label: t('labels.review'),
          content: () => <ReviewPart site={site} timezone={timezone} unitOf={unitOf} />,
        };
        const others: readonly Part[] = [
          { key: 'progress', label: t('labels.progress'), content: () => <ProgressPart /> },
          {
            key: 'datasets',
            label: t('labels.datasets'),
            content: () => <DatasetsPart timezone={timezone} mayFreeze={mayReview} />,
          },
          ...(mayReview ? [{ key: 'import', label: t('labels.import'), content: () => <ImportPart /> }] : []),
          {
            key: 'settings',
            label: t('labels.settings'),
            content: () => <SettingsPart mayChange={mayReview} />,
          },
        ];
        return (
          <>
            <PageTitle title={t('labels.title')} text={t('labels.text')} />
            {mayLabel ? (
              <Tabs
                label={t('labels.title')}
                parts={[work, ...(mayReview ? [review] : []), queue, ...others]}
              />
            ) : (
              <Tabs label={t('labels.title')} parts={[queue, ...others]} />
            )}
          </>
        );
      }}
    </FarmFrame>
  );
}
