import { textReader } from './character-set.ts';
import type { Concept } from './concepts.ts';
import { type DataSet, sequenceItems } from './data-set.ts';
import type { DicomFile } from './parse.ts';
import * as read from './values.ts';

/** What a header says of the patient, the study and the image. Every field is null when absent or odd. */
export interface DicomHeader {
  readonly patientId: string | null;
  /** Values of Other Patient IDs, (0010,1000) and (0010,1002). */
  readonly otherPatientIds: readonly string[];
  /** `YYYY-MM-DD`. */
  readonly birthDate: string | null;
  readonly sex: 'M' | 'F' | 'O' | null;
  /** Patient's Age (0010,1010) as stated, years. */
  readonly statedAgeYears: number | null;
  /** Age at the study date, years: from the birth date where both dates are there, else as stated. */
  readonly ageYears: number | null;
  readonly studyInstanceUid: string | null;
  readonly seriesInstanceUid: string | null;
  readonly sopInstanceUid: string | null;
  readonly sopClassUid: string | null;
  /** `YYYY-MM-DD`. */
  readonly studyDate: string | null;
  readonly acquisitionDate: string | null;
  readonly studyDescription: string | null;
  readonly seriesDescription: string | null;
  readonly modality: string | null;
  readonly manufacturer: string | null;
  readonly bodyPart: string | null;
  /** Codes of Anatomic Region Sequence (0008,2218). */
  readonly anatomicRegions: readonly Concept[];
  readonly viewPosition: string | null;
  /** Codes of View Code Sequence (0054,0220). */
  readonly viewCodes: readonly Concept[];
  /** Patient Orientation (0020,0020): directions of the rows and of the columns. */
  readonly patientOrientation: readonly string[];
  readonly laterality: string | null;
  readonly imageType: readonly string[];
  readonly photometric: string | null;
  readonly presentationIntent: string | null;
  /** Burned In Annotation (0028,0301): true for YES, false for NO. */
  readonly burnedIn: boolean | null;
  readonly rows: number | null;
  readonly columns: number | null;
  readonly frames: number | null;
  readonly bitsStored: number | null;
  /** [between rows, between columns], mm at the patient (Pixel Spacing) or at the detector (Imager Pixel Spacing). */
  readonly pixelSpacing: readonly [number, number] | null;
  /** Patient Species Description (0010,2201). */
  readonly patientSpecies: string | null;
  /** Codes of Patient Species Code Sequence (0010,2202). */
  readonly patientSpeciesCodes: readonly Concept[];
  readonly instanceNumber: number | null;
}

/**
 * Reads the header fields that Fovea uses. Never throws on an odd value.
 * @throws ServiceError DICOM_TRUNCATED, DICOM_INVALID only where a sequence itself is broken
 * @see DICOM PS3.3 C.7
 */
export function readHeader({ dataSet }: DicomFile): DicomHeader {
  const reader = textReader(read.texts(dataSet, 0x00080005));
  const plain = (tag: number): string | null => read.text(dataSet, tag);
  const free = (tag: number): string | null => read.text(dataSet, tag, reader);
  const birthDate = read.date(dataSet, 0x00100030);
  const studyDate = read.date(dataSet, 0x00080020);
  const statedAgeYears = read.ageYears(dataSet, 0x00101010);
  const burnedIn = read.code(dataSet, 0x00280301);
  return {
    patientId: free(0x00100020),
    otherPatientIds: [
      ...read.texts(dataSet, 0x00101000, reader),
      ...sequenceItems(dataSet, 0x00101002).map((item) => read.text(item, 0x00100020, reader) ?? ''),
    ].filter((value) => value !== ''),
    birthDate,
    sex: sexOf(read.code(dataSet, 0x00100040)),
    statedAgeYears,
    ageYears: yearsBetween(birthDate, studyDate ?? read.date(dataSet, 0x00080022)) ?? statedAgeYears,
    studyInstanceUid: plain(0x0020000d),
    seriesInstanceUid: plain(0x0020000e),
    sopInstanceUid: plain(0x00080018),
    sopClassUid: plain(0x00080016),
    studyDate,
    acquisitionDate: read.date(dataSet, 0x00080022),
    studyDescription: free(0x00081030),
    seriesDescription: free(0x0008103e),
    modality: read.code(dataSet, 0x00080060),
    manufacturer: free(0x00080070),
    bodyPart: read.code(dataSet, 0x00180015),
    anatomicRegions: codesOf(dataSet, 0x00082218),
    viewPosition: read.code(dataSet, 0x00185101),
    viewCodes: codesOf(dataSet, 0x00540220),
    patientOrientation: read.texts(dataSet, 0x00200020),
    laterality: read.code(dataSet, 0x00200062) ?? read.code(dataSet, 0x00200060),
    imageType: read.texts(dataSet, 0x00080008).map((value) => value.toUpperCase()),
    photometric: read.code(dataSet, 0x00280004),
    presentationIntent: read.code(dataSet, 0x00080068),
    burnedIn: burnedIn === 'YES' ? true : burnedIn === 'NO' ? false : null,
    rows: read.number(dataSet, 0x00280010, 'unsigned16'),
    columns: read.number(dataSet, 0x00280011, 'unsigned16'),
    frames: read.number(dataSet, 0x00280008),
    bitsStored: read.number(dataSet, 0x00280101, 'unsigned16'),
    pixelSpacing: pair(dataSet, 0x00280030) ?? pair(dataSet, 0x00181164),
    patientSpecies: free(0x00102201),
    patientSpeciesCodes: codesOf(dataSet, 0x00102202),
    instanceNumber: read.number(dataSet, 0x00200013),
  };
}

function sexOf(value: string | null): 'M' | 'F' | 'O' | null {
  return value === 'M' || value === 'F' || value === 'O' ? value : null;
}

function codesOf(dataSet: DataSet, tag: number): Concept[] {
  return sequenceItems(dataSet, tag).flatMap((item) => {
    const value = read.text(item, 0x00080100) ?? read.text(item, 0x00080119);
    return value === null ? [] : [{ scheme: read.text(item, 0x00080102) ?? '', value }];
  });
}

function pair(dataSet: DataSet, tag: number): readonly [number, number] | null {
  const [first, second] = read.numbers(dataSet, tag, 'decimal');
  return typeof first === 'number' && typeof second === 'number' && first > 0 && second > 0
    ? [first, second]
    : null;
}

/** Years from one `YYYY-MM-DD` to another; null when either is missing or they are the wrong way round. */
export function yearsBetween(from: string | null, to: string | null): number | null {
  if (from === null || to === null || to < from) return null;
  const start = new Date(`${from}T00:00:00Z`);
  const end = new Date(`${to}T00:00:00Z`);
  const whole = end.getUTCFullYear() - start.getUTCFullYear() - (to.slice(5) < from.slice(5) ? 1 : 0);
  const birthday = Date.UTC(start.getUTCFullYear() + whole, start.getUTCMonth(), start.getUTCDate());
  const next = Date.UTC(start.getUTCFullYear() + whole + 1, start.getUTCMonth(), start.getUTCDate());
  return whole + Math.min(Math.max((end.getTime() - birthday) / (next - birthday), 0), 1 - Number.EPSILON);
}
