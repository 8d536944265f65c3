import { Component, lazy, type ReactNode, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { Button } from 'react-aria-components';
import type { AppEvidence, AppStudy } from '#core/app';
import { ApiError } from '../api-error.ts';
import { useSession, useWords } from '../session.tsx';
import { Loading, Problem } from '../shell/states.tsx';
import { momentOf } from '../timeline/trends.ts';
import type { ChartView } from '../timeline/use-chart.ts';
import type { ViewedStudy } from '../viewer/contract.ts';

/** Loaded when an image is opened, not before; one that did not come is asked for anew. */
const viewer = () => lazy(async () => ({ default: (await import('../viewer/viewer.tsx')).Viewer }));

/** The picture of the study: nothing of the viewer is loaded before the button is pressed. */
export function Picture({
  study,
  evidence,
  chart,
}: {
  readonly study: ViewedStudy;
  readonly evidence: AppEvidence | null;
  readonly chart: ChartView;
}) {
  const { t, locale } = useWords();
  const { api } = useSession();
  const [open, setOpen] = useState(false);
  const [{ Viewer, round }, setLoad] = useState(() => ({ Viewer: viewer(), round: 0 }));
  const button = useRef<HTMLButtonElement>(null);
  const prior = useMemo(
    () => (chart.loaded.state === 'ready' ? priorOf(study, chart.loaded.value.studies) : null),
    [study, chart.loaded],
  );
  const hasMap = evidence?.findings.some(({ explanation }) => explanation !== null) ?? false;
  const close = useCallback(() => {
    setOpen(false);
    requestAnimationFrame(() => button.current?.focus());
  }, []);
  return (
    <section
      className={open ? 'panel picture open no-print' : 'panel picture no-print'}
      aria-labelledby="picture"
    >
      <h2 id="picture">{t('picture.title')}</h2>
      {open ? (
        <ViewerBoundary
          key={round}
          failed={
            <Problem
              error={new ApiError('VIEWER_NOT_LOADED', t('picture.failed'), t('picture.failedHelp'), 0)}
              title={t('picture.failedTitle')}
              retry={() => setLoad((before) => ({ Viewer: viewer(), round: before.round + 1 }))}
            />
          }
        >
          <Suspense fallback={<Loading what={t('picture.loading')} bars={5} />}>
            <Viewer
              api={api}
              study={study}
              evidence={evidence}
              prior={prior}
              locale={locale}
              t={t}
              onClose={close}
            />
          </Suspense>
        </ViewerBoundary>
      ) : (
        <div className="picture-closed">
          <Button ref={button} className="primary" onPress={() => setOpen(true)}>
            {t('picture.open')}
          </Button>
          <p className="soft small">
            {t(hasMap ? 'picture.leadMap' : 'picture.lead')} {prior !== null && t('picture.prior')}
          </p>
        </div>
      )}
    </section>
  );
}

/** The newest earlier study that shares a modality. */
function priorOf(study: ViewedStudy, studies: readonly AppStudy[]): AppStudy | null {
  const at = momentOf(study.started);
  if (at === null) return null;
  const earlier = studies
    .filter(
      ({ key, modalities }) => key !== study.key && modalities.some((one) => study.modalities.includes(one)),
    )
    .map((one) => ({ one, when: momentOf(one.started) }))
    .filter((entry): entry is { one: AppStudy; when: number } => entry.when !== null && entry.when < at)
    .sort((a, b) => b.when - a.when);
  return earlier[0]?.one ?? null;
}

/** A viewer that fails takes nothing else of the page with it. */
class ViewerBoundary extends Component<
  { readonly failed: ReactNode; readonly children: ReactNode },
  { readonly broken: boolean }
> {
  override readonly state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? this.props.failed : this.props.children;
  }
}
