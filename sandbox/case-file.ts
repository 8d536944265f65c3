import { readFileSync } from 'node:fs';
import path from 'node:path';

/** One case of `cases.json`: an invented patient, the studies made for it, and what Fovea should answer. */
export interface SandboxCase {
  readonly id: string;
  /** Folder of the case's files below the data folder. */
  readonly folder: string;
  /** What the case shows, in words. */
  readonly title: string;
  readonly expected: {
    readonly status: string | null;
    readonly band: string | null;
    readonly reasonCode: string | null;
  };
  readonly patient: CasePatient;
  /** Empty: no imaging at all. */
  readonly studies: readonly CaseStudy[];
  /** Which DICOMweb server the record names: the usual one, one that answers late, one on a host that is not allowed. */
  readonly endpoint: 'normal' | 'slow' | 'foreign';
}

export interface CasePatient {
  readonly id: string;
  readonly mrn: string;
  readonly family: string;
  readonly given: string;
  readonly gender: 'male' | 'female' | 'other' | 'unknown';
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
}

export interface CaseStudy {
  readonly studyInstanceUid: string;
  /** FHIR dateTime. */
  readonly started: string;
  readonly accession: string;
  readonly description: string;
  readonly modality: string;
  /** BodyPartExamined (0018,0015), or null where the case leaves it out. */
  readonly bodySite: string | null;
  /** ViewPosition (0018,5101), or null where the case leaves it out. */
  readonly view: string | null;
  readonly series: readonly CaseSeries[];
}

export interface CaseSeries {
  readonly seriesInstanceUid: string;
  readonly instances: readonly CaseInstance[];
}

export interface CaseInstance {
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** DICOM file, relative to the case's folder. */
  readonly file: string;
  /** Picture for people (PNG), relative to the case's folder. */
  readonly preview: string;
}

/** Reads `cases.json` of the data folder, once, when the sandbox starts. */
export function readCases(dataFolder: string): readonly SandboxCase[] {
  return JSON.parse(readFileSync(path.join(dataFolder, 'cases.json'), 'utf8')) as SandboxCase[];
}

/** Absolute path of an instance's DICOM file. */
export function instanceFile(dataFolder: string, one: SandboxCase, instance: CaseInstance): string {
  return path.join(dataFolder, one.folder, instance.file);
}

/** Absolute path of an instance's picture for people. */
export function previewFile(dataFolder: string, one: SandboxCase, instance: CaseInstance): string {
  return path.join(dataFolder, one.folder, instance.preview);
}
