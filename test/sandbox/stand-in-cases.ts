import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import type { CaseStudy, SandboxCase } from '#sandbox/case-file';

/** A data folder with a few invented cases, for tests of the EHR itself. */
export interface StandInCases {
  readonly folder: string;
  readonly cases: readonly SandboxCase[];
  remove(): void;
}

const side = 64;

/** Explicit VR little endian: a header and a grey ramp. @see DICOM PS3.10 §7 */
export function dicomFile(study: CaseStudy, patientId: string, sopInstanceUid: string): Buffer {
  const element = (group: number, number: number, vr: string, value: string | Buffer): Buffer => {
    const text = typeof value === 'string';
    const bytes = text
      ? Buffer.from(value.length % 2 === 0 ? value : value + (vr === 'UI' ? '\0' : ' '))
      : value;
    const long = vr === 'OW' || vr === 'OB';
    const head = Buffer.alloc(long ? 12 : 8);
    head.writeUInt16LE(group, 0);
    head.writeUInt16LE(number, 2);
    head.write(vr, 4);
    if (long) head.writeUInt32LE(bytes.length, 8);
    else head.writeUInt16LE(bytes.length, 6);
    return Buffer.concat([head, bytes]);
  };
  const short = (value: number) => {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return bytes;
  };
  const meta = Buffer.concat([
    element(0x0002, 0x0002, 'UI', '1.2.840.10008.5.1.4.1.1.1.1'),
    element(0x0002, 0x0003, 'UI', sopInstanceUid),
    element(0x0002, 0x0010, 'UI', '1.2.840.10008.1.2.1'),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element(0x0002, 0x0000, 'UL', length),
    meta,
    element(0x0008, 0x0016, 'UI', '1.2.840.10008.5.1.4.1.1.1.1'),
    element(0x0008, 0x0018, 'UI', sopInstanceUid),
    element(0x0008, 0x0060, 'CS', study.modality),
    element(0x0010, 0x0010, 'PN', 'Case^Stand-in'),
    element(0x0010, 0x0020, 'LO', patientId),
    element(0x0020, 0x000d, 'UI', study.studyInstanceUid),
    element(0x0028, 0x0002, 'US', short(1)),
    element(0x0028, 0x0010, 'US', short(side)),
    element(0x0028, 0x0011, 'US', short(side)),
    element(0x0028, 0x0100, 'US', short(8)),
    element(0x7fe0, 0x0010, 'OW', pixels()),
  ]);
}

function pixels(): Buffer {
  return Buffer.from(
    Array.from({ length: side * side }, (_, index) => (index % side) * 3 + Math.floor(index / side)),
  );
}

const descriptions: readonly {
  readonly id: string;
  readonly title: string;
  readonly endpoint: SandboxCase['endpoint'];
  readonly studies: number;
}[] = [
  { id: 'elevated', title: 'Elevated: an opacity', endpoint: 'normal', studies: 2 },
  { id: 'slow-archive', title: 'An archive that answers after 3 s', endpoint: 'slow', studies: 1 },
  { id: 'foreign-endpoint', title: 'An endpoint that is not allowed', endpoint: 'foreign', studies: 1 },
  { id: 'low', title: 'Low: clear lungs', endpoint: 'normal', studies: 1 },
  { id: 'no-imaging', title: 'No imaging at all', endpoint: 'normal', studies: 0 },
];

/** Writes the stand-in cases into a new folder of the system's temporary folder. */
export function writeStandInCases(): StandInCases {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sandbox-cases-'));
  const cases = descriptions.map((one, index): SandboxCase => {
    const studies = Array.from({ length: one.studies }, (_, number): CaseStudy => {
      const uid = `2.25.${1000 + index * 10 + number}`;
      return {
        studyInstanceUid: uid,
        started: `2026-11-${String(20 - number).padStart(2, '0')}T09:30:00+00:00`,
        accession: `A${index}${number}`,
        description: 'Chest radiograph, frontal',
        modality: 'DX',
        bodySite: 'CHEST',
        view: 'AP',
        series: [
          {
            seriesInstanceUid: `${uid}.1`,
            instances: [
              {
                sopInstanceUid: `${uid}.1.1`,
                sopClassUid: '1.2.840.10008.5.1.4.1.1.1.1',
                file: `${number + 1}/image.dcm`,
                preview: `${number + 1}/preview.png`,
              },
            ],
          },
        ],
      };
    });
    const made: SandboxCase = {
      id: one.id,
      folder: one.id,
      title: one.title,
      expected: { status: one.studies > 0 ? 'final' : null, band: null, reasonCode: null },
      patient: {
        id: `patient-${index + 1}`,
        mrn: `MRN-${1000 + index}`,
        family: ['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm'][index] as string,
        given: ['Ana', 'Ben', 'Chloé', 'Dan', 'Eve'][index] as string,
        gender: index % 2 === 0 ? 'female' : 'male',
        birthDate: `2023-0${index + 1}-11`,
      },
      studies,
      endpoint: one.endpoint,
    };
    for (const study of studies) {
      for (const instance of study.series.flatMap((series) => series.instances)) {
        const file = path.join(folder, made.folder, instance.file);
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, dicomFile(study, made.patient.mrn, instance.sopInstanceUid));
        const preview = encode({ width: side, height: side, data: pixels(), channels: 1, depth: 8 });
        writeFileSync(path.join(folder, made.folder, instance.preview), preview);
      }
    }
    return made;
  });
  writeFileSync(path.join(folder, 'cases.json'), JSON.stringify(cases));
  return { folder, cases, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
