import { useCallback, useEffect, useRef } from 'react';
import { api, type Chart } from './api.ts';
import { AppPanel } from './app-panel.tsx';
import { CardsPanel } from './cards-panel.tsx';
import { ExchangePanel } from './exchange-panel.tsx';
import { Imaging } from './imaging.tsx';
import { Notice } from './notice.tsx';
import { type Settings, userOf } from './settings-bar.tsx';
import { useApps } from './use-apps.ts';
import { useDecisionSupport } from './use-decision-support.ts';
import { useLoaded } from './use-loaded.ts';
import { ageOf, plainDate } from './words.ts';

/** One patient's chart: banner, imaging, cards, and the calls behind the cards. */
export function ChartView({
  patientId,
  settings,
}: {
  readonly patientId: string;
  readonly settings: Settings;
}) {
  const [chart, again] = useLoaded(
    useCallback((signal: AbortSignal) => api.chart(patientId, signal), [patientId]),
  );
  if (chart.state === 'loading') return <p className="soft pad">Opening the chart…</p>;
  if (chart.state === 'failed') {
    return (
      <div className="pad">
        <Notice
          title="This chart cannot be opened"
          text={`${chart.message} Choose another patient from the list, or try again.`}
          action="Try again"
          onAction={again}
        />
      </div>
    );
  }
  return <OpenChart chart={chart.value} settings={settings} />;
}

function OpenChart({ chart, settings }: { readonly chart: Chart; readonly settings: Settings }) {
  const { patient } = chart;
  const userId = userOf(settings, patient.id);
  const support = useDecisionSupport(patient.id, userId, settings.prefetch);
  const apps = useApps(patient.id, userId);
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.title = `${patient.family}, ${patient.given} – sandbox EHR`;
    heading.current?.focus({ preventScroll: true });
  }, [patient.family, patient.given]);

  return (
    <>
      <section className="banner" aria-label="Patient">
        <h1 ref={heading} tabIndex={-1}>
          {patient.family}, {patient.given}
        </h1>
        <dl>
          <Fact
            term="Born"
            value={`${plainDate(patient.birthDate)} (${ageOf(patient.birthDate, new Date())})`}
          />
          <Fact term="Sex" value={patient.gender} />
          <Fact term="Record no." value={patient.mrn} />
          <Fact term="Reason for visit" value={chart.problems.join(', ')} />
          <Fact term="Clinician" value={chart.referrer} />
        </dl>
        <p className="case">
          <span className="tag">Case</span> {chart.case.title}
        </p>
        <button type="button" className="primary open-app" onClick={() => apps.openInWindow(null)}>
          Open Fovea<span className="visually-hidden"> (in a new window)</span>
        </button>
      </section>
      <AppPanel apps={apps} />
      <div className="columns">
        <Imaging studies={chart.studies} />
        <CardsPanel support={support} portal={settings.user === 'portal'} apps={apps} />
      </div>
      <ExchangePanel calls={support.calls} />
    </>
  );
}

function Fact({ term, value }: { readonly term: string; readonly value: string }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </div>
  );
}
