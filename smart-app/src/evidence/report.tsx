import type { AppReport } from '#core/app';
import { useWords } from '../session.tsx';
import { Recorded, RecordedLines } from '../shell/said.tsx';

const statuses = { final: 'report.final', amended: 'report.amended', corrected: 'report.corrected' } as const;

/** What a radiologist said comes before what a model says. */
export function Report({ report, read }: { readonly report: AppReport | null; readonly read: boolean }) {
  const { t, format } = useWords();
  if (report === null) return <p className="no-report">{t(read ? 'report.none' : 'report.unreadable')}</p>;
  const status =
    report.status in statuses ? (
      t(statuses[report.status as keyof typeof statuses])
    ) : (
      <Recorded text={report.status} longest={40} />
    );
  return (
    <section className="panel report">
      <h2>{t('report.title')}</h2>
      <p className="soft small">
        {status}
        {report.issued !== null && ` · ${format.moment(report.issued)}`}
        {report.performer !== null && (
          <>
            {' · '}
            <Recorded text={report.performer} longest={120} />
          </>
        )}
      </p>
      {report.conclusion === null ? (
        <p>{t('report.noConclusion')}</p>
      ) : (
        <RecordedLines text={report.conclusion} />
      )}
      <p className="soft small">{t('report.first')}</p>
    </section>
  );
}
