/** Imaging studies as Fovea names them, between the FHIR record and the DICOMweb server. */

export interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display: string;
}

/** Where WADO-RS answers for a study or series. */
export interface ImagingEndpoint {
  /** WADO-RS root, without `/studies`. */
  readonly address: string;
  readonly requiresAccessToken: boolean;
}

export interface InstanceReference {
  readonly sopInstanceUid: string;
  readonly sopClassUid: string | null;
  readonly number: number | null;
}

export interface SeriesReference {
  readonly seriesInstanceUid: string;
  readonly modality: string | null;
  readonly bodySite: Coding | null;
  readonly endpoint: ImagingEndpoint | null;
  /** Empty when the record does not list them. */
  readonly instances: readonly InstanceReference[];
}

/** One study as the FHIR record describes it. */
export interface StudyReference {
  readonly studyInstanceUid: string;
  /** Logical id of the ImagingStudy resource. */
  readonly fhirId: string | null;
  /** FHIR dateTime as written (date alone, or instant with offset). */
  readonly started: string | null;
  readonly description: string | null;
  readonly modalities: readonly string[];
  readonly endpoint: ImagingEndpoint | null;
  readonly series: readonly SeriesReference[];
  readonly numberOfInstances: number | null;
}

/** Who the patient is according to the chart; held against the DICOM header. */
export interface ChartPatient {
  readonly fhirId: string;
  /** Values of Patient.identifier. */
  readonly identifiers: readonly string[];
  /** `YYYY-MM-DD`, or shorter as FHIR allows. */
  readonly birthDate: string | null;
  readonly sex: 'male' | 'female' | 'other' | 'unknown' | null;
}
