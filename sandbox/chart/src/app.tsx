import { useEffect, useRef, useState } from 'react';
import { api, type SandboxConfig } from './api.ts';
import { ChartView } from './chart-view.tsx';
import { Notice } from './notice.tsx';
import { PatientList } from './patient-list.tsx';
import { type Settings, SettingsBar } from './settings-bar.tsx';
import { useLoaded } from './use-loaded.ts';
import { useRoutedPatient } from './use-route.ts';

/** The whole page: header, patient list, the open chart. */
export function App() {
  const patientId = useRoutedPatient();
  const [patients, again] = useLoaded(api.patients);
  const [config] = useLoaded(api.config);
  const [settings, setSettings] = useState<Settings>({ user: 'clinician', prefetch: true });
  const main = useRef<HTMLElement>(null);

  useEffect(() => {
    if (patientId === null) document.title = 'Charts – sandbox EHR';
  }, [patientId]);

  return (
    <div className="page">
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the chart
      </button>
      <header className="top">
        <div className="brand">
          <span className="brand-mark" aria-hidden="true" />
          <span>
            Sandbox <abbr title="electronic health record">EHR</abbr>
          </span>
        </div>
        <p className="demonstration">
          <strong>Demonstration.</strong> Invented patients, generated pictures. Not a medical record.
        </p>
        <SettingsBar settings={settings} onChange={setSettings} />
      </header>
      <nav className="patients" aria-label="Patients">
        {patients.state === 'loading' && <p className="soft pad">Loading patients…</p>}
        {patients.state === 'failed' && (
          <Notice title="No patient list" text={patients.message} action="Load again" onAction={again} />
        )}
        {patients.state === 'ready' && <PatientList patients={patients.value} selected={patientId} />}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {patientId === null ? (
          <Welcome worklist={config.state === 'ready' ? worklistOf(config.value) : null} />
        ) : (
          <ChartView key={patientId} patientId={patientId} settings={settings} />
        )}
      </main>
    </div>
  );
}

/** The list opens for a whole team: the app asks the EHR itself who the user is. @see SMART App Launch 2.2 §Standalone launch */
function worklistOf({ app, fhirServer }: SandboxConfig): string {
  return `${app}?${new URLSearchParams({ iss: fhirServer, context: 'worklist' })}`;
}

function Welcome({ worklist }: { readonly worklist: string | null }) {
  return (
    <div className="welcome">
      <h1>Open a chart</h1>
      <p>
        Choose a patient. Opening a chart calls the CDS service, as an EHR does (CDS Hooks,{' '}
        <code>patient-view</code>), and its cards appear beside the image.
      </p>
      <ul>
        <li>Each patient is a case: what it shows stands below the name.</li>
        <li>A card can be set aside with a reason. The feedback goes back to the service.</li>
        <li>“Open Fovea” in a chart, and the apps of a card, open with that patient (SMART App Launch).</li>
        <li>“Request and response” below the cards shows each call as it went over the wire.</li>
      </ul>
      {worklist !== null && (
        <p className="worklist">
          For a care team there is a list of all patients:{' '}
          <a href={worklist} target="_blank" rel="noopener noreferrer">
            open Fovea’s worklist<span className="visually-hidden"> (opens in a new tab)</span>
          </a>
          .
        </p>
      )}
    </div>
  );
}
