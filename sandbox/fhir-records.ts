import type {
  CodeableConcept,
  Coding,
  Condition,
  Encounter,
  Endpoint,
  ImagingStudy,
  Patient,
  Reference,
  Resource,
  ServiceRequest,
} from '@medplum/fhirtypes';
import type { Addresses } from './addresses.ts';
import type { CasePatient, CaseStudy, SandboxCase } from './case-file.ts';
import { reportOf } from './reports.ts';
import { careTeamNurse, practitioner, radiologist } from './staff.ts';

/** System of the medical record numbers; the DICOM files carry the same values as Patient ID. */
export const mrnSystem = 'https://fovea.health/sandbox/mrn';

/**
 * The whole record of the sandbox as FHIR R4 resources.
 *
 * @param needsToken whether the DICOMweb servers serve nobody without an access token
 */
export function chartRecords(
  cases: readonly SandboxCase[],
  addresses: Addresses,
  needsToken = true,
): Resource[] {
  const containing = caseWithContainedEndpoint(cases);
  return [
    practitioner,
    careTeamNurse,
    radiologist,
    ...(['normal', 'slow', 'foreign'] as const).map((id) => endpointOf(id, addresses, needsToken)),
    ...cases.flatMap((one) =>
      recordsOf(one, one === containing ? endpointOf(one.endpoint, addresses, needsToken) : null),
    ),
  ];
}

/** One case keeps its Endpoint inside of the ImagingStudy, as some servers do: the last that answers as usual. */
function caseWithContainedEndpoint(cases: readonly SandboxCase[]): SandboxCase | undefined {
  return cases.findLast((one) => one.endpoint === 'normal' && one.studies.length > 0);
}

/** @param contained the Endpoint of the studies where they contain it; else they refer to it */
function recordsOf(one: SandboxCase, contained: Endpoint | null): Resource[] {
  const subject: Reference<Patient> = {
    reference: `Patient/${one.patient.id}`,
    display: nameOf(one.patient),
  };
  return [
    patientOf(one.patient),
    conditionOf(one, subject),
    encounterOf(one, subject),
    ...one.studies.flatMap((study, index): Resource[] => {
      const id = studyIdOf(one.patient, index);
      return [
        orderOf(study, id, subject),
        studyOf(study, id, subject, one.endpoint, contained),
        reportOf(study, id, subject),
      ];
    }),
  ];
}

function patientOf(patient: CasePatient): Patient {
  return {
    resourceType: 'Patient',
    id: patient.id,
    active: true,
    identifier: [
      {
        use: 'usual',
        type: {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }],
          text: 'Medical record number',
        },
        system: mrnSystem,
        value: patient.mrn,
      },
    ],
    name: [{ use: 'official', family: patient.family, given: [patient.given] }],
    gender: patient.gender,
    birthDate: patient.birthDate,
  };
}

/** @see SMART Imaging Access §Endpoint */
function endpointOf(id: SandboxCase['endpoint'], addresses: Addresses, needsToken: boolean): Endpoint {
  return {
    resourceType: 'Endpoint',
    id,
    extension: [
      {
        url: 'http://hl7.org/fhir/smart-imaging-access/StructureDefinition/requires-access-token',
        valueBoolean: needsToken,
      },
    ],
    status: 'active',
    connectionType: {
      system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
      code: 'dicom-wado-rs',
    },
    payloadType: [{ text: 'DICOM' }],
    payloadMimeType: ['application/dicom'],
    address: addresses.dicomWeb[id],
  };
}

function studyOf(
  study: CaseStudy,
  id: string,
  subject: Reference<Patient>,
  endpoint: SandboxCase['endpoint'],
  contained: Endpoint | null,
): ImagingStudy {
  const instances = study.series.map((series) => series.instances.length).reduce((a, b) => a + b, 0);
  const bodySite = study.bodySite === null ? null : bodySiteCoding(study.bodySite);
  const modality = { system: 'http://dicom.nema.org/resources/ontology/DCM', code: study.modality };
  return {
    resourceType: 'ImagingStudy',
    id,
    ...(contained !== null && { contained: [{ ...contained, id: 'pacs' }] }),
    identifier: [
      { use: 'official', system: 'urn:dicom:uid', value: `urn:oid:${study.studyInstanceUid}` },
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] },
        value: study.accession,
      },
    ],
    status: 'available',
    modality: [modality],
    subject,
    started: study.started,
    basedOn: [{ reference: `ServiceRequest/${id}` }],
    referrer: { reference: 'Practitioner/demo' },
    endpoint: [{ reference: contained !== null ? '#pacs' : `Endpoint/${endpoint}` }],
    numberOfSeries: study.series.length,
    numberOfInstances: instances,
    description: study.description,
    series: study.series.map((series, index) => ({
      uid: series.seriesInstanceUid,
      number: index + 1,
      modality,
      ...(study.view !== null && { description: study.view }),
      numberOfInstances: series.instances.length,
      ...(bodySite !== null && { bodySite }),
      instance: series.instances.map((instance, position) => ({
        uid: instance.sopInstanceUid,
        sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${instance.sopClassUid}` },
        number: position + 1,
      })),
    })),
  };
}

function orderOf(study: CaseStudy, id: string, subject: Reference<Patient>): ServiceRequest {
  return {
    resourceType: 'ServiceRequest',
    id,
    status: 'completed',
    intent: 'order',
    category: [{ coding: [snomed('363679005', 'Imaging')] }],
    code: { text: study.description },
    subject,
    authoredOn: study.started,
    requester: { reference: 'Practitioner/demo' },
  };
}

/** The visit that the chart is opened in. */
function encounterOf(one: SandboxCase, subject: Reference<Patient>): Encounter {
  return {
    resourceType: 'Encounter',
    id: one.patient.id,
    status: 'in-progress',
    class: {
      system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode',
      code: 'EMER',
      display: 'emergency',
    },
    subject,
    participant: [{ individual: { reference: 'Practitioner/demo' } }],
    reasonCode: [{ text: 'Cough' }],
  };
}

/** Why the patient came: the same for everybody, so that nothing in the chart gives the case away. */
function conditionOf(one: SandboxCase, subject: Reference<Patient>): Condition {
  const recorded = one.studies[0]?.started;
  return {
    resourceType: 'Condition',
    id: one.patient.id,
    clinicalStatus: concept({
      system: 'http://terminology.hl7.org/CodeSystem/condition-clinical',
      code: 'active',
    }),
    verificationStatus: concept({
      system: 'http://terminology.hl7.org/CodeSystem/condition-ver-status',
      code: 'confirmed',
    }),
    code: { coding: [snomed('49727002', 'Cough')], text: 'Cough' },
    subject,
    ...(recorded !== undefined && { recordedDate: recorded }),
  };
}

const bodySites: Readonly<Record<string, Coding>> = {
  CHEST: snomed('51185008', 'Thoracic structure'),
  HAND: snomed('85562004', 'Hand structure'),
  FOOT: snomed('56459004', 'Foot structure'),
  KNEE: snomed('72696002', 'Knee region structure'),
  ABDOMEN: snomed('818983003', 'Abdomen'),
  SKULL: snomed('89546000', 'Bone structure of cranium'),
};

function bodySiteCoding(bodyPart: string): Coding {
  return bodySites[bodyPart.toUpperCase()] ?? { display: bodyPart };
}

function snomed(code: string, display: string): Coding {
  return { system: 'http://snomed.info/sct', code, display };
}

function concept(coding: Coding): CodeableConcept {
  return { coding: [coding] };
}

/** `Given Family`. */
export function nameOf(patient: CasePatient): string {
  return `${patient.given} ${patient.family}`;
}

/** Id of the ImagingStudy of a patient's study. @param index from 0, as in `cases.json` */
export function studyIdOf(patient: CasePatient, index: number): string {
  return `${patient.id}-${index + 1}`;
}
