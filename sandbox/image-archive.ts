import {
  type CaseInstance,
  type CasePatient,
  type CaseSeries,
  type CaseStudy,
  instanceFile,
  previewFile,
  type SandboxCase,
} from './case-file.ts';

/** One instance with everything above it. */
export interface HeldInstance {
  readonly patient: CasePatient;
  readonly study: CaseStudy;
  readonly series: CaseSeries;
  readonly instance: CaseInstance;
  /** From 1, within its series. */
  readonly number: number;
  /** Absolute path of the DICOM file. */
  readonly file: string;
  /** Absolute path of the picture for people (PNG). */
  readonly preview: string;
}

/** What one DICOMweb server holds. */
export interface ImageArchive {
  readonly instances: readonly HeldInstance[];
}

/** The archive of the cases whose record names `endpoint`; every archive together with `null`. */
export function createImageArchive(
  cases: readonly SandboxCase[],
  dataFolder: string,
  endpoint: SandboxCase['endpoint'] | null,
): ImageArchive {
  const held = cases.filter((one) => endpoint === null || one.endpoint === endpoint);
  return {
    instances: held.flatMap((one) =>
      one.studies.flatMap((study) =>
        study.series.flatMap((series) =>
          series.instances.map((instance, index) => ({
            patient: one.patient,
            study,
            series,
            instance,
            number: index + 1,
            file: instanceFile(dataFolder, one, instance),
            preview: previewFile(dataFolder, one, instance),
          })),
        ),
      ),
    ),
  };
}
