import type { AppEvidence, AppSourceAttribute } from '#core/app';
import { useWords } from '../session.tsx';
import { Said } from '../shell/said.tsx';

/** What the model was made from, what it is not for, and how this result came about. */
export function ModelFactsList({ evidence }: { readonly evidence: AppEvidence }) {
  const { t, format } = useWords();
  const { model, madeFrom, notFor, timing, study } = evidence;
  const facts: readonly (readonly [string, string | null])[] = [
    [t('model.name'), model.name],
    [t('model.version'), model.version],
    [t('model.variant'), model.variant],
    [t('model.provider'), model.provider],
    [t('model.released'), format.date(model.released)],
    [t('model.population'), model.population],
    [t('model.completed'), study.completed === null ? null : format.moment(study.completed)],
  ];
  return (
    <section className="panel" aria-labelledby="model">
      <h2 id="model">{t('model.title')}</h2>
      <div className="two">
        <div>
          <h3>{t('model.madeFrom')}</h3>
          <p>
            <Said>{madeFrom}</Said>
          </p>
        </div>
        <div>
          <h3>{t('model.notFor')}</h3>
          <p>
            <Said>{notFor}</Said>
          </p>
        </div>
      </div>
      <h3>{t('model.facts')}</h3>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ?? t('common.notStated')}</dd>
          </div>
        ))}
      </dl>
      {timing.length > 0 && (
        <>
          <h3>{t('model.timing')}</h3>
          <dl className="facts timing">
            {timing.map(({ step, milliseconds }) => (
              <div key={step}>
                <dt>{step in steps ? t(steps[step as keyof typeof steps]) : step}</dt>
                <dd>{format.milliseconds(milliseconds)}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  );
}

const steps = {
  fetch: 'step.fetch',
  decode: 'step.decode',
  preprocess: 'step.preprocess',
  infer: 'step.infer',
  explain: 'step.explain',
  total: 'step.total',
} as const;

/** The 31 source attributes of 45 CFR 170.315(b)(11). */
export function SourceAttributes({ attributes }: { readonly attributes: readonly AppSourceAttribute[] }) {
  const { t } = useWords();
  return (
    <section className="panel" aria-labelledby="sources">
      <h2 id="sources">{t('sources.title')}</h2>
      <p className="soft small">{t('sources.lead')}</p>
      {attributes.length > 0 && (
        <details>
          <summary>{t('sources.open', { n: attributes.length })}</summary>
          <dl className="sources" lang="en">
            {attributes.map(({ key, clause, name, text }) => (
              <div key={key}>
                <dt>
                  <span className="soft">{clause}</span> {name}
                </dt>
                <dd>{text}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}
