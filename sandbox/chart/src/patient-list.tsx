import type { PatientRow } from './api.ts';
import { addressOfPatient } from './use-route.ts';
import { ageOf } from './words.ts';

/** The patients as links, each with what its case shows. */
export function PatientList(props: {
  readonly patients: readonly PatientRow[];
  readonly selected: string | null;
}) {
  const now = new Date();
  return (
    <>
      <h2 className="list-title">
        Patients <span className="count">{props.patients.length}</span>
      </h2>
      <ul className="list">
        {props.patients.map((patient) => (
          <li key={patient.id}>
            <a
              href={addressOfPatient(patient.id)}
              aria-current={patient.id === props.selected ? 'page' : undefined}
            >
              <span className="list-name">
                {patient.family}, {patient.given}
              </span>
              <span className="list-age">{ageOf(patient.birthDate, now)}</span>
              <span className="list-case">{patient.case.title}</span>
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}
