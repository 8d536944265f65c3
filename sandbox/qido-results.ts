import type { DicomJson } from './dicom-json.ts';
import type { HeldInstance } from './image-archive.ts';

/** One result a study. @see DICOM PS3.18 Table 10.6.3-3 */
export function studyResult(held: readonly HeldInstance[], base: string): DicomJson[] {
  return grouped(held, (one) => one.study.studyInstanceUid).map((of) => {
    const [{ study, patient }] = of;
    return {
      ...studyAttributes(of[0]),
      '00080061': { vr: 'CS', Value: [study.modality] },
      '00081190': { vr: 'UR', Value: [`${base}/studies/${study.studyInstanceUid}`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: `${patient.family}^${patient.given}` }] },
      '00100030': { vr: 'DA', Value: [patient.birthDate.replaceAll('-', '')] },
      '00201206': { vr: 'IS', Value: [new Set(of.map(({ series }) => series.seriesInstanceUid)).size] },
      '00201208': { vr: 'IS', Value: [of.length] },
    };
  });
}

/** One result a series. @see DICOM PS3.18 Table 10.6.3-4 */
export function seriesResult(held: readonly HeldInstance[], base: string): DicomJson[] {
  return grouped(held, (one) => one.series.seriesInstanceUid).map((of) => ({
    ...seriesAttributes(of[0], base),
    '00201209': { vr: 'IS', Value: [of.length] },
  }));
}

/** One result an instance. @see DICOM PS3.18 Table 10.6.3-5 */
export function instanceResult(held: readonly HeldInstance[], base: string): DicomJson[] {
  return held.map((one) => ({
    ...seriesAttributes(one, base),
    '00080016': { vr: 'UI', Value: [one.instance.sopClassUid] },
    '00080018': { vr: 'UI', Value: [one.instance.sopInstanceUid] },
    '00200013': { vr: 'IS', Value: [one.number] },
    '00081190': {
      vr: 'UR',
      Value: [`${seriesAddress(one, base)}/instances/${one.instance.sopInstanceUid}`],
    },
  }));
}

function studyAttributes({ study, patient }: HeldInstance): DicomJson {
  const [date = '', time = ''] = study.started.split('T');
  const clock = time.slice(0, 8).replaceAll(':', '');
  return {
    '00080020': { vr: 'DA', Value: [date.replaceAll('-', '')] },
    ...(clock !== '' && { '00080030': { vr: 'TM', Value: [clock] } }),
    '00080050': { vr: 'SH', Value: [study.accession] },
    '00081030': { vr: 'LO', Value: [study.description] },
    '00100020': { vr: 'LO', Value: [patient.mrn] },
    '0020000D': { vr: 'UI', Value: [study.studyInstanceUid] },
  };
}

function seriesAttributes(one: HeldInstance, base: string): DicomJson {
  return {
    ...studyAttributes(one),
    '00080060': { vr: 'CS', Value: [one.study.modality] },
    '0020000E': { vr: 'UI', Value: [one.series.seriesInstanceUid] },
    '00081190': { vr: 'UR', Value: [seriesAddress(one, base)] },
  };
}

function seriesAddress({ study, series }: HeldInstance, base: string): string {
  return `${base}/studies/${study.studyInstanceUid}/series/${series.seriesInstanceUid}`;
}

function grouped(
  held: readonly HeldInstance[],
  keyOf: (one: HeldInstance) => string,
): readonly (readonly [HeldInstance, ...HeldInstance[]])[] {
  const groups = new Map<string, [HeldInstance, ...HeldInstance[]]>();
  for (const one of held) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return [...groups.values()];
}
