/** The chart of the bench's one patient, and studies of it that nobody has. */

export const patient = {
  resourceType: 'Patient',
  id: 'bench-patient',
  identifier: [{ system: 'https://ehr.bench.example/mrn', value: 'BENCH-1' }],
  name: [{ family: 'Bench', given: ['Bo'] }],
  gender: 'female',
  birthDate: '2020-03-01',
} as const;

/** Three years after the birth date: what the shipped model reads. */
export const studyDate = '20230601';

/** Study Instance UIDs all have this length, so one can be written over another in a file. */
export function studyUid(n: number): string {
  return `2.25.1${String(n).padStart(24, '0')}`;
}

export const seriesUid = (study: string) => `${study}.1`;
export const instanceUid = (study: string) => `${study}.1.1`;
export const digitalXRay = '1.2.840.10008.5.1.4.1.1.1.1';

/** A searchset with these studies, whose images are at `root` (WADO-RS). */
function studies(uids: readonly string[], root: string) {
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total: uids.length,
    entry: uids.map((uid) => ({
      resource: {
        resourceType: 'ImagingStudy',
        id: uid.slice(-12),
        identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
        status: 'available',
        subject: { reference: `Patient/${patient.id}` },
        started: new Date().toISOString(),
        modality: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'DX' }],
        description: 'Chest radiograph',
        numberOfSeries: 1,
        numberOfInstances: 1,
        contained: [
          {
            resourceType: 'Endpoint',
            id: 'pacs',
            status: 'active',
            connectionType: {
              system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
              code: 'dicom-wado-rs',
            },
            payloadType: [{ text: 'DICOM' }],
            address: root,
          },
        ],
        endpoint: [{ reference: '#pacs' }],
        series: [
          {
            uid: seriesUid(uid),
            modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'DX' },
            bodySite: { system: 'http://snomed.info/sct', code: '51185008', display: 'Chest' },
            instance: [
              {
                uid: instanceUid(uid),
                sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${digitalXRay}` },
                number: 1,
              },
            ],
          },
        ],
      },
    })),
  };
}

/**
 * Between the parts of a WADO-RS answer; as long as imaging servers make theirs. Its 41 characters make the header of the
 * part 80 bytes long, so that the physical path finds the pixels aligned and does not copy them to read them.
 */
export const boundary = 'part-2f0e6f9c-7c1b-4d7e-9a55-3b1f0c6a8d42';

export const servicePath = '/cds-services/imaging-assessment';

/** The body of a `patient-view` call with everything prefetched. */
export function hookBody(call: {
  readonly patientId: string;
  readonly prefetch: Readonly<Record<string, unknown>>;
  readonly fhirServer?: string;
}): string {
  return JSON.stringify({
    hook: 'patient-view',
    hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
    ...(call.fhirServer !== undefined && { fhirServer: call.fhirServer }),
    context: { userId: 'Practitioner/bench', patientId: call.patientId },
    prefetch: call.prefetch,
  });
}

/** The call for the bench's own patient with these studies. */
export function ownHookBody(uids: readonly string[], root: string): string {
  return hookBody({ patientId: patient.id, prefetch: { patient, imagingStudies: studies(uids, root) } });
}

/** The states of the cards of an answer (`final`, `pending`, `abstained`, `failed`), with the code of a reason. */
export function cardStates(answer: Buffer): string[] {
  interface Card {
    readonly extension?: Readonly<
      Record<string, { readonly state?: string; readonly reason?: { readonly code?: string } }>
    >;
  }
  const { cards } = JSON.parse(answer.toString()) as { readonly cards: readonly Card[] };
  return cards.map(({ extension = {} }) => {
    const [state] = Object.values(extension);
    return [state?.state, state?.reason?.code].filter((part) => part !== undefined).join(' ');
  });
}
