import type { AppDetector, AppQualityMeasure } from '#core/app';
import type { GateResult } from '#core/assessment';
import { DetectorBars } from '../plot/detector-bars.tsx';
import { Table } from '../plot/figure.tsx';
import { useWords } from '../session.tsx';
import { Recorded } from '../shell/said.tsx';

/** What was checked before the model could speak, and how unlike its own images this one is. */
export function Checks({
  gates,
  quality,
  detectors,
}: {
  readonly gates: readonly GateResult[];
  readonly quality: readonly AppQualityMeasure[];
  readonly detectors: readonly AppDetector[];
}) {
  const { t, format } = useWords();
  const over = detectors.filter(({ index }) => index > 1).length;
  return (
    <section className="panel" aria-labelledby="checks">
      <h2 id="checks">{t('checks.title')}</h2>
      {gates.length === 0 ? (
        <p className="soft">{t('checks.none')}</p>
      ) : (
        <ul className="gates">
          {gates.map(({ gate, passed, detail }) => {
            const verdict = passed === null ? 'skipped' : passed ? 'passed' : 'refused';
            return (
              <li key={gate} className={verdict}>
                <span className="gate-sign" aria-hidden="true" />
                <span className="gate-name">{t(`gate.${gate}`)}</span>
                <span className="gate-verdict">{t(`gate.is.${verdict}`)}</span>
                <span className="gate-detail soft" lang="en">
                  <Recorded text={detail} />
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {quality.length > 0 && (
        <div className="block">
          <h3>{t('quality.title')}</h3>
          <Table
            caption={t('quality.title')}
            table={{
              columns: [t('quality.measure'), t('quality.value'), t('quality.limits')],
              rows: quality.map(({ name, value, minimum, maximum }) => [
                t(`quality.${name}`),
                format.number(value, 2),
                t('format.range', { low: format.number(minimum, 2), high: format.number(maximum, 2) }),
              ]),
            }}
          />
          <p className="soft small">{t('quality.caption')}</p>
        </div>
      )}
      <div className="block">
        <h3>{t('ood.title')}</h3>
        {detectors.length === 0 ? (
          <p className="soft">{t('ood.none')}</p>
        ) : (
          <DetectorBars label={t('ood.label', { n: detectors.length, over })} detectors={detectors} />
        )}
      </div>
    </section>
  );
}
